import { ANYONES } from '../support/accounts';
import { Stack } from '../support/stack';
let hub: Stack;
beforeAll(async () => { hub = await Stack.start(); });
afterAll(() => hub.stop());
it('x', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, async () => {
      const caller = hub.as();
      const account = ANYONES.google_drive();
      await hub.sandbox.set('google_drive', { accessTokenSeconds: 90 }, account.name);
      await hub.connect(caller, account.order, account.choices);
      return caller;
    }));
    await hub.sandbox.set('google_drive', { clientSecrets: ['another-secret'] });
    for (const caller of all) console.log((await caller.refresh('google_drive')).status, new Date().toISOString());
    await hub.sandbox.call('DELETE', '/settings/google_drive');
    console.log('restored', new Date().toISOString());
    await new Promise(r => setTimeout(r, 45000));
    for (const caller of all) console.log(JSON.stringify((await hub.trail(caller)).slice(3).map(e => [e.at.slice(14), e.name, (e.detail as any).reason])), JSON.stringify((await caller.read('google_drive')).body));
    console.log(await hub.database.rows('select * from breakers').catch(e => String(e)), hub.process('refresh-worker').lines);
}, 100000);
