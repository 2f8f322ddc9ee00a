// openid-client as an app of staff: it pushes its request, signs with its own key, and binds its tokens.
// https://github.com/panva/openid-client
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { allow } from './person.js';

const { ISSUER, FHIR, CLIENT_ID, REDIRECT, LOGIN, PASSWORD, KEY } = process.env;
const jwk = JSON.parse(KEY);
const algorithm = { name: 'ECDSA', namedCurve: 'P-384' };
const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']);
const signing = client.PrivateKeyJwt({ key, kid: jwk.kid }, {
  [client.modifyAssertion]: (_, payload) => { payload.exp = payload.iat + 60; },
});
const insecure = { execute: [client.allowInsecureRequests] };
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, signing, insecure);
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const parameters = {
  redirect_uri: REDIRECT,
  scope: 'openid fhirUser user/*.rs offline_access',
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: expectedState,
  aud: FHIR,
};
const plain = new URL((await fetch(client.buildAuthorizationUrl(config, parameters), { redirect: 'manual' })).headers.get('location'));
const address = await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
const back = await allow(address, LOGIN, PASSWORD);
const checks = { pkceCodeVerifier, expectedState, idTokenExpected: true };
const tokens = await client.authorizationCodeGrant(config, back, checks, undefined, { DPoP });
const here = new URL(`${FHIR}/Practitioner`);
const read = (options) =>
  client.fetchProtectedResource(config, tokens.access_token, here, 'GET', null, undefined, options);
assert.equal((await (await read({ DPoP })).json()).resourceType, 'Bundle');
await assert.rejects(read());
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
console.log(JSON.stringify({
  bound: renewed.token_type,
  user: tokens.claims().fhirUser,
  plain: plain.searchParams.get('error'),
}));
