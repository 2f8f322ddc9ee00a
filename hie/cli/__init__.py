"""The command line `hie`: one file for each command group. https://typer.tiangolo.com/"""
