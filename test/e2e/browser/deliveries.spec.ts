import { randomUUID } from 'node:crypto';
import type { Locator } from 'playwright-core';
import { Webhook } from 'standardwebhooks';
import { ANYONES, type Account } from '../../support/accounts';
import { realBrowser } from '../../support/browser';
import type { Answer, Caller } from '../../support/caller';
import { IntegrationsPage } from '../../support/integrations-page';
import { Stack } from '../../support/stack';

/** Deliveries that go wrong, as somebody mends them on the page; what comes of it is looked for at the receiver too. */
const browser = realBrowser('deliveries');
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ env: { SITE_URL: null } });
});
afterAll(() => hub.stop());

/** All tries of the ladder: the first one, and one for each rung. */
const TRIES = 5;
const UNWELL = 'the receiver did not answer, or had a fault of its own';

const of = (path: string): string => `/functions/v1/integrations/zapier/${path}`;

async function posts(caller: Caller, type: string): Promise<string> {
  const answer: Answer<{ id: string }> = await caller.request('POST', of('events'), { body: { type, data: { type } } });
  expect(answer.status).toBe(202);
  return answer.body.id;
}

/** A hook that can be gone: those of Webhooks by Zapier never are. */
function aStandardHook(): Account {
  const name = `9/${randomUUID().replaceAll('-', '')}`;
  const webhookUrl = `https://hooks.zapier.com/hooks/standard/${name}/`;
  return { provider: 'zapier', name, order: { provider: 'zapier', webhookUrl }, choices: {} };
}

/** Somebody before the page whose webhook is connected. */
async function connected(hook: Account): Promise<IntegrationsPage> {
  const page = await IntegrationsPage.signIn(await browser.visitor(), hub.as());
  await page.connects(hook);
  return page;
}

/** The ids of what a receiver has taken, each verified as it would. */
async function taken({ caller }: IntegrationsPage, hook: Account): Promise<string[]> {
  const { body } = await caller.request<{ secret: string }>('POST', of('delivery-secret'), { body: {} });
  const webhook = new Webhook(body.secret);
  return (await hub.sandbox.deliveries(hook.name))
    .filter(({ status }) => status === 200)
    .map(({ body: text, headers }) => (webhook.verify(text, { ...headers }) as { id: string }).id);
}

/** The line of the delivery log that tells of a type of event. */
function logLine({ page }: IntegrationsPage, type: string): Locator {
  return page.getByRole('region', { name: 'Deliveries to Zapier' }).getByRole('listitem').filter({ hasText: type });
}

/** Lines of failed jobs. */
function failedJobs({ page }: IntegrationsPage): Locator {
  return page.getByRole('region', { name: 'Failed jobs' }).getByRole('listitem');
}

it('a hook that is gone asks for a new URL, and what waits is sent there once it is given', async () => {
  const gone = aStandardHook();
  const page = await connected(gone);
  await hub.sandbox.set('zapier', { hookState: 'gone' }, gone.name);
  const refused = await posts(page.caller, 'order.paid');
  await page.shows('zapier', 'reauth_required');
  for (const words of ['New URL needed', 'The webhook is gone.', 'What waits to be delivered is sent then.'])
    await page.card('zapier').getByText(words).waitFor();
  const waits = await posts(page.caller, 'order.sent');
  await page.page.reload(); // what a product posts is in no event until it was sent
  await page.isThere();
  await logLine(page, 'order.sent').getByText('Waits for a new URL').waitFor();
  await logLine(page, 'order.paid').getByText('Failed after 1 try: the webhook is gone (HTTP 410)').waitFor();
  await page.visitor.looksAt('a hook that is gone');

  const anew = aStandardHook();
  await page.connects(anew, 'Reconnect');
  await logLine(page, 'order.sent').getByText('Delivered').waitFor();
  expect(await taken(page, anew)).toEqual([waits]);

  // what met the old URL is nobody's to send again unasked
  await failedJobs(page)
    .filter({ hasText: 'The webhook is gone.' })
    .getByRole('button', { name: /^Try again/ })
    .click();
  await page.page.getByText('Nothing has run out of tries.').waitFor();
  await logLine(page, 'order.paid').getByText('Delivered').waitFor();
  expect(await taken(page, anew)).toEqual([waits, refused]);
  expect(await hub.sandbox.deliveries(gone.name)).toHaveLength(1);
});

it('a delivery whose tries are over is a failed job with its reason, until it is tried again and arrives', async () => {
  const hook = ANYONES.zapier();
  const page = await connected(hook);
  const heal = await hub.sandbox.fault('zapier', { on: 'api', kind: 'status', status: 503, account: hook.name });
  const id = await posts(page.caller, 'order.paid');
  for (let attempt = 1; attempt < TRIES; attempt += 1) {
    await hub.event(page.caller, 'delivery.failed', { where: ({ detail }) => detail['attempts'] === attempt });
    await logLine(page, 'order.paid').getByText(`: ${UNWELL} (HTTP 503)`).waitFor();
    await theWaitIsOver(page);
  }
  await logLine(page, 'order.paid').getByText(`Failed after ${TRIES} tries: ${UNWELL} (HTTP 503)`).waitFor();
  const letter = failedJobs(page).filter({ hasText: 'The receiver did not answer, or had a fault of its own.' });
  await letter.getByText(`${TRIES} tries`).waitFor();
  await page.fact('zapier', 'Webhook').getByText('Failing').waitFor();
  await page.card('zapier').getByText('The webhook does not take deliveries.').waitFor();
  await page.card('zapier').getByText('Connected, deliveries fail').waitFor();
  await page.page.getByText('Zapier is connected.').waitFor({ state: 'detached' });
  const pause = page.page.getByText(/^Nothing is sent until/);
  await pause.waitFor();
  await page.visitor.looksAt('a delivery that failed');

  await heal();
  await theWaitIsOver(page);
  await letter.getByRole('button', { name: /^Try again/ }).click();
  await page.page.getByText('1 job is tried again now.').waitFor();
  await page.page.getByText('Nothing has run out of tries.').waitFor();
  await logLine(page, 'order.paid').getByText('Delivered').waitFor();
  await pause.waitFor({ state: 'detached' });
  await page.fact('zapier', 'Webhook').getByText('Reachable').waitFor();
  expect(await taken(page, hook)).toEqual([id]);
  expect((await page.caller.deadLetters()).body.deadLetters).toEqual([]);
});

it('failed jobs are told apart, found by provider and kind, and of all those that are shown alone are tried again', async () => {
  const [hook, drive] = [ANYONES.zapier(), ANYONES.google_drive()];
  const page = await connected(hook);
  const { caller } = page;
  await hub.connect(caller, drive.order, drive.choices);
  await hub.event(caller, 'sync.completed', { provider: 'google_drive' });
  const healHook = await hub.sandbox.fault('zapier', { on: 'api', kind: 'status', status: 400, account: hook.name });
  const ids = new Map<string, string>();
  for (const type of ['order.paid', 'order.sent', 'order.back']) ids.set(type, await posts(caller, type));
  const heals = [];
  for (const on of ['api', 'refresh'] as const)
    heals.push(await hub.sandbox.fault('google_drive', { on, kind: 'rate_limit', status: 429, account: drive.name }));
  for (let tries = 0; tries < TRIES; tries += 1) await caller.sync('google_drive');
  for (let tries = 0; tries < TRIES; tries += 1) await caller.refresh('google_drive');
  const jobs = failedJobs(page);
  const section = page.page.getByRole('region', { name: 'Failed jobs' });
  await section.getByRole('heading', { name: 'Failed jobs (5)' }).waitFor();
  await page.visitor.looksAt('failed jobs');

  await section.getByLabel('Provider').selectOption('Google Drive');
  await section.getByRole('heading', { name: 'Failed jobs (2)' }).waitFor();
  expect((await jobs.allInnerTexts()).map((text) => text.split(':')[0]).sort()).toEqual([
    'Refresh of Google Drive',
    'Sync of Google Drive',
  ]);
  for (const heal of heals) await heal();
  await section.getByRole('button', { name: 'Try these again' }).click();
  await section.getByText('2 jobs are tried again now.').waitFor();
  await section.getByText('There is none of these.').waitFor();
  expect(await replayed(caller)).toEqual(['refresh', 'sync']);

  await section.getByLabel('Provider').selectOption('all providers');
  await section.getByRole('heading', { name: 'Failed jobs (3)' }).waitFor();
  await healHook();
  const sent = jobs.filter({ hasText: 'Delivery of order.sent (no. 2) to Zapier' });
  await sent.getByText(ids.get('order.sent') ?? '').waitFor();
  await sent.getByText('The receiver refused this very message.').waitFor();
  await sent.getByRole('button', { name: /^Try again/ }).click();
  await sent.waitFor({ state: 'detached' });
  await logLine(page, 'order.sent').getByText('Delivered').waitFor();
  expect(await taken(page, hook)).toEqual([ids.get('order.sent')]);

  await section.getByLabel('Show').selectOption('deliveries');
  await section.getByRole('button', { name: 'Try these again' }).click();
  await section.getByText('2 jobs are tried again now.').waitFor();
  await section.getByText('There is none of these.').waitFor();
  for (const type of ids.keys()) await logLine(page, type).getByText('Delivered').waitFor();
  expect((await taken(page, hook)).sort()).toEqual([...ids.values()].sort());
  expect(await replayed(caller)).toEqual(['delivery', 'delivery', 'delivery', 'refresh', 'sync']);
});

it('news of the hub that wait for those before them are told, with what to do', async () => {
  const page = await connected(ANYONES.zapier());
  const { org } = page.caller.claims;
  expect((await page.caller.request('POST', of('delivery-secret'), { body: {} })).status).toBe(200); // from now on it has settings
  // ten thousand must wait for it else; none of the hub's own are wanted here, so that no worker takes it back
  await hub.database.rows(
    "update public.delivery_settings set outbox_full_since = now() - interval '3 hours' where org_id = $1",
    [org],
  );
  const settings = await page.caller.request<{ eventsWaitSince: string }>('GET', of('delivery-settings'));
  expect(Date.parse(settings.body.eventsWaitSince)).toBeLessThan(Date.now() - 2 * 60 * 60_000);
  await page.page.reload();
  const note = page.page.getByRole('region', { name: 'Deliveries to Zapier' }).getByText(/^News of the hub wait since/);
  await note.waitFor();
  await page.page.getByText('try the failed ones again, or give a new URL').waitFor();
  await page.visitor.looksAt('news that wait');
});

/** The kinds of what was tried again. */
async function replayed(caller: Caller): Promise<unknown[]> {
  const replays = (await hub.trail(caller)).filter(({ name }) => name === 'dead_letter.replayed');
  return replays.map(({ detail }) => detail['kind']).sort();
}

/** The next rung has come and the circuit's pause is over. They are gone through by hand: the ladder takes a quarter of an hour. */
async function theWaitIsOver({ caller }: IntegrationsPage): Promise<void> {
  const { org } = caller.claims;
  await hub.database.rows(
    'update public.delivery_settings set open_until = now() where org_id = $1 and open_until is not null',
    [org],
  );
  await hub.database.rows(
    "update public.deliveries set next_attempt_at = now() where org_id = $1 and state = 'pending'",
    [org],
  );
}
