import { EVENT_NAMES, LIVE_EVENT_NAMES } from './audit-event';

describe('event names', () => {
  it('are each there once', () => {
    expect(new Set(EVENT_NAMES).size).toBe(EVENT_NAMES.length);
  });

  it.each(EVENT_NAMES)('%s is `subject.what_happened`', (name) => {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$/);
  });

  it.each([
    ...['integration.connected', 'integration.disconnected', 'integration.reauth_required', 'integration.recovered'],
    ...['refresh.succeeded', 'refresh.failed', 'sync.completed', 'sync.failed', 'token.read'],
    ...['delivery.succeeded', 'delivery.failed', 'dead_letter.replayed'],
  ])('the contract’s %s is among them', (name) => {
    expect(EVENT_NAMES).toContain(name);
  });
});

describe('the events that people follow', () => {
  it('are each there once', () => {
    expect(new Set(LIVE_EVENT_NAMES).size).toBe(LIVE_EVENT_NAMES.length);
  });

  it('are all of an integration’s refreshes, syncs and deliveries', () => {
    const wanted = EVENT_NAMES.filter((name) =>
      /^(refresh|sync|delivery)\.(succeeded|completed|failed|in_doubt)$/.test(name),
    );
    expect(wanted).toHaveLength(7);
    expect(LIVE_EVENT_NAMES).toEqual(expect.arrayContaining(wanted));
  });

  it.each([
    'token.read',
    'auth.forbidden',
    'integration.account_mismatch',
    'flow.started',
    'key.rotated',
    'delivery.secret_read',
  ])('%s is none', (name) => {
    expect(LIVE_EVENT_NAMES).not.toContain(name);
  });
});
