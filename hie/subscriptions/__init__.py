"""Telling institutions of link changes: IHE PMIR, transaction ITI-94. https://profiles.ihe.net/ITI/PMIR/ITI-94.html"""
