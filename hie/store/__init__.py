"""Where resources live: exact bytes, versions, change numbers, places of ids. Only this
package and `hie.search` touch the resource tables."""
