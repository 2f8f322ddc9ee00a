// openid-client, certified and strict: discovery, PKCE, nonce, id token, refresh, revocation, PAR, DPoP.
// https://github.com/panva/openid-client
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { allow } from './person.js';

const { ISSUER, FHIR, CLIENT_ID, REDIRECT, LOGIN, PASSWORD, PATIENT } = process.env;
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, client.None(), {
  execute: [client.allowInsecureRequests],
});
assert.equal(config.serverMetadata().supportsPKCE(), true);

async function tokens({ pushed = false, DPoP } = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const parameters = {
    redirect_uri: REDIRECT,
    scope: 'openid fhirUser launch/patient patient/*.rs offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    aud: FHIR,
  };
  const address = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
    : client.buildAuthorizationUrl(config, parameters);
  const back = await allow(address, LOGIN, PASSWORD);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return client.authorizationCodeGrant(config, back, checks, undefined, { DPoP });
}

const here = new URL(`${FHIR}/Patient/${PATIENT}`);
const read = async (token, options) =>
  (await client.fetchProtectedResource(config, token, here, 'GET', null, undefined, options)).json();

const first = await tokens();
assert.equal(first.patient, PATIENT);
assert.equal(first.claims().fhirUser, `${FHIR}/Patient/${PATIENT}`);
assert.equal((await read(first.access_token)).id, PATIENT);
const second = await client.refreshTokenGrant(config, first.refresh_token);
assert.notEqual(second.refresh_token, first.refresh_token);
await client.tokenRevocation(config, second.refresh_token);
await assert.rejects(client.refreshTokenGrant(config, second.refresh_token), { error: 'invalid_grant' });
await assert.rejects(read(second.access_token));

const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
const bound = await tokens({ pushed: true, DPoP });
assert.equal(bound.token_type, 'dpop');
assert.equal((await read(bound.access_token, { DPoP })).id, PATIENT);
await assert.rejects(read(bound.access_token));
console.log(JSON.stringify({ subject: first.claims().sub, bound: bound.token_type }));
