// oauth4webapi: a backend service whose keys are at an address, and introspection by it.
// https://github.com/panva/oauth4webapi
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';

const { ISSUER, FHIR, CLIENT_ID, KEY } = process.env;
const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(ISSUER);
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
);
const jwk = JSON.parse(KEY);
const algorithm = { name: 'ECDSA', namedCurve: 'P-384' };
const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']);
const client = { client_id: CLIENT_ID };

const seen = [];
// By default it names the issuer as audience, as newer drafts do; SMART names the token endpoint.
for (const audience of [undefined, as.token_endpoint]) {
  const authentication = oauth.PrivateKeyJwt({ key, kid: jwk.kid }, {
    [oauth.modifyAssertion]: (_, payload) => {
      if (audience) payload.aud = audience;
      payload.exp = payload.iat + 60;
    },
  });
  const scope = new URLSearchParams({ scope: 'system/*.cruds' });
  const answer = await oauth.clientCredentialsGrantRequest(as, client, authentication, scope, insecure);
  const tokens = await oauth.processClientCredentialsResponse(as, client, answer);
  assert.ok(tokens.expires_in <= 300);
  const resource = await oauth.protectedResourceRequest(
    tokens.access_token, 'GET', new URL(`${FHIR}/Patient?_summary=count`), undefined, undefined, insecure,
  );
  assert.equal(resource.status, 200);
  const asked = await oauth.introspectionRequest(
    as, client, oauth.PrivateKeyJwt({ key, kid: jwk.kid }), tokens.access_token, insecure,
  );
  const told = await oauth.processIntrospectionResponse(as, client, asked);
  assert.equal(told.active, true);
  seen.push(told.scope);
}
console.log(JSON.stringify({ scopes: seen }));
