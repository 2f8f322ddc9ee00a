"""How records arrive: raw messages kept before they are acknowledged, then mapped and accepted.

Whatever the channel, a message goes to the inbox, from there through a mapping to the one write
door, `hie.records.accept`, or into quarantine with its reason, where it can be mended and replayed.
"""
