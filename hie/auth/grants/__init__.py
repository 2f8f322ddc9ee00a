"""One file for each grant type of the token endpoint. https://www.rfc-editor.org/rfc/rfc6749#section-4"""
