"""The one write door and the read side: authorise, validate, identify, store, index and audit in one
commit; fetch, find and `$everything` under the caller's restriction."""
