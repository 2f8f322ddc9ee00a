// fhir-kit-client drives CRUD, search, paging, patch and a transaction.
// https://github.com/Vermonster/fhir-kit-client
import assert from 'node:assert/strict';
import Client from 'fhir-kit-client';

const client = new Client({ baseUrl: process.env.FHIR, bearerToken: process.env.TOKEN });

const statement = await client.capabilityStatement();
assert.equal(statement.fhirVersion, '4.0.1');

const created = await client.create({
  resourceType: 'Patient',
  body: { resourceType: 'Patient', active: true, name: [{ text: '张伟' }] },
});
assert.ok(created.id);
const read = await client.read({ resourceType: 'Patient', id: created.id });
assert.equal(read.name[0].text, '张伟');
const updated = await client.update({
  resourceType: 'Patient', id: created.id, body: { ...read, active: false },
});
assert.equal(updated.meta.versionId, '2');
const patched = await client.patch({
  resourceType: 'Patient',
  id: created.id,
  JSONPatch: [{ op: 'replace', path: '/active', value: true }],
});
assert.equal(patched.active, true);
const first = await client.vread({ resourceType: 'Patient', id: created.id, version: '1' });
assert.equal(first.active, true);
const history = await client.history({ resourceType: 'Patient', id: created.id });
assert.equal(history.entry.length, 3);

const transaction = await client.transaction({
  body: {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: Array.from({ length: 25 }, (_, number) => ({
      resource: {
        resourceType: 'Observation',
        status: 'final',
        code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
        subject: { reference: `Patient/${created.id}` },
        valueQuantity: { value: 60 + number, unit: '/min' },
      },
      request: { method: 'POST', url: 'Observation' },
    })),
  },
});
assert.equal(transaction.entry.length, 25);
assert.ok(transaction.entry.every((one) => one.response.status.startsWith('201')));

const seen = new Set();
let pages = 0;
let page = await client.search({
  resourceType: 'Observation',
  searchParams: { patient: created.id, code: 'http://loinc.org|8867-4', _count: 10 },
});
while (page) {
  pages += 1;
  for (const one of page.entry ?? []) seen.add(one.resource.id);
  page = await client.nextPage({ bundle: page });
}
assert.equal(pages, 3);
const everything = await client.operation({
  name: 'everything', resourceType: 'Patient', id: created.id, method: 'GET',
});
assert.equal(everything.entry.length, 26);

await client.delete({ resourceType: 'Observation', id: [...seen][0] });
const failure = await client
  .read({ resourceType: 'Observation', id: [...seen][0] })
  .then(() => null, (error) => error.response);
assert.equal(failure.status, 410);
assert.equal(failure.data.resourceType, 'OperationOutcome');

console.log(JSON.stringify({ pages, seen: seen.size }));
