import { defineRoute } from '../http/route';

export const landing = defineRoute({
  method: 'GET',
  path: '/integrations',
  summary: 'The page people see: what happened, and what is connected',
  scope: null,
  kind: 'page',
  answers: { 200: { description: 'A page for the browser.' } },
});

export const home = defineRoute({
  method: 'GET',
  path: '/',
  summary: 'Leads to /integrations',
  scope: null,
  kind: 'page',
  answers: { 302: { description: 'To /integrations.' } },
});
