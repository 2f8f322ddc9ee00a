"""One file for each endpoint of the authorization server; `hie.auth.routes` lists them."""
