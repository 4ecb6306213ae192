import type { KeptDelivery } from '../history/delivery-box';
import { Driver } from '../testing/driver';

const HEX = 'a'.repeat(32);

let driver: Driver;
beforeAll(async () => {
  driver = await Driver.start();
});
beforeEach(() => driver.admin('POST', '/reset'));
afterAll(() => driver.stop());

function hook(path: string): string {
  return `${driver.endpoints('zapier').apiBaseUrl}/hooks/${path}`;
}

async function deliveries(query = ''): Promise<KeptDelivery[]> {
  return (await driver.admin<{ deliveries: KeptDelivery[] }>('GET', `/deliveries${query}`)).deliveries;
}

describe('catch hooks', () => {
  it.each(['catch/123/abc/', 'catch/123/abc', 'catch/oldhook/'])('say success for any id: %s', async (path) => {
    const answer = await driver.postJson(hook(path), { hello: 1 });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { attempt: expect.any(String), id: expect.any(String), request_id: expect.any(String), status: 'success' },
    ]);
  });

  it.each(['catch/123/abc/silent/', 'catch/oldhook/silent/'])('answer nothing at %s', async (path) => {
    const answer = await driver.postJson(hook(path), { hello: 1 });
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
  });

  it('keep what was delivered, per hook', async () => {
    await driver.postJson(hook('catch/1/one/'), { a: 1 }, { 'x-signature': 'sig' });
    await driver.postForm(hook('catch/1/two/'), { b: '2' });
    await driver.get(`${hook('catch/1/two/')}?c=3`);
    expect(await deliveries('?account=1/one')).toMatchObject([
      { seq: 1, account: '1/one', method: 'POST', body: '{"a":1}', status: 200, headers: { 'x-signature': 'sig' } },
    ]);
    const second = await deliveries('?account=1/two&after=1');
    expect(second).toMatchObject([{ body: 'b=2' }, { method: 'GET' }]);
    expect(second[1]!.path).toContain('?c=3');
  });

  it('refuse more than 2 MiB', async () => {
    const answer = await driver.postJson(hook('catch/1/big/'), { text: 'x'.repeat(2 * 1024 * 1024) });
    expect(answer.statusCode).toBe(413);
    const [kept] = await deliveries();
    expect(kept!.body.length).toBeLessThan(kept!.bodyLength);
  });

  it('go on saying success after a revocation', async () => {
    await driver.admin('POST', '/grants/zapier/revoke', { account: '1/abc' });
    expect((await driver.postJson(hook('catch/1/abc/'), {})).statusCode).toBe(200);
  });

  it('limit without Retry-After', async () => {
    await driver.admin('PATCH', '/settings/zapier', { apiLimit: { calls: 2, perSeconds: 60 } });
    await driver.postJson(hook('catch/1/abc/'), {});
    await driver.postJson(hook('catch/1/abc/'), {});
    const limited = await driver.postJson(hook('catch/1/abc/'), {});
    expect(limited.statusCode).toBe(429);
    expect(limited.headers).not.toHaveProperty('retry-after');
    expect((await driver.postJson(hook('catch/1/other/'), {})).statusCode).toBe(200);
  });
});

describe('standard hooks', () => {
  it('are gone once turned off by DELETE', async () => {
    const path = hook(`standard/9/${HEX}/`);
    expect((await driver.postJson(path, {})).statusCode).toBe(200);
    await driver.send({ method: 'DELETE', url: path });
    expect((await driver.postJson(path, {})).statusCode).toBe(410);
  });

  it('are gone once an admin revokes them, in the old manner if asked', async () => {
    await driver.admin('POST', '/grants/zapier/revoke', { account: `9/${HEX}` });
    expect((await driver.postJson(hook(`standard/9/${HEX}/`), {})).statusCode).toBe(410);
    await driver.admin('PATCH', `/settings/zapier?account=9/${HEX}`, { hookState: 'gone_legacy' });
    const old = await driver.postJson(hook(`standard/9/${HEX}/`), {});
    expect([old.statusCode, old.body]).toEqual([404, 'Please unsubscribe me!']);
  });
});
