import { defineRoute } from '../http/route';

export const openApiJson = defineRoute({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This document',
  scope: null,
  kind: 'api',
  head: true,
  anyQuery: true,
  answers: { 200: { description: 'OpenAPI 3.1.' } },
});

export const docsPage = defineRoute({
  method: 'GET',
  path: '/docs',
  summary: 'This document as a page',
  scope: null,
  kind: 'page',
  head: true,
  answers: { 200: { description: 'A page for the browser.' } },
});

export const docsAsset = defineRoute({
  method: 'GET',
  path: '/docs/:asset',
  summary: "The page's own files",
  scope: null,
  kind: 'page',
  answers: { 200: { description: 'A file.' }, 404: { description: 'No such file.' } },
});
