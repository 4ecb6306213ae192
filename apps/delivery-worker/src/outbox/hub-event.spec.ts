import { randomUUID } from 'node:crypto';
import type { TrailEvent } from '@hub/database';
import { DELIVERED_EVENTS, type IntegrationId, type ProviderId } from '@hub/domain';
import { hubEventData, isWanted } from './hub-event';

const receiver = randomUUID() as IntegrationId;
const anEvent = (changed: Partial<TrailEvent> = {}): TrailEvent => ({
  id: randomUUID(),
  seq: 1,
  at: new Date(),
  name: 'integration.connected',
  provider: 'notion' as ProviderId,
  integrationId: randomUUID() as IntegrationId,
  ...changed,
});

describe('an event of the trail', () => {
  it.each(DELIVERED_EVENTS)('%s is delivered to whoever has opted in for it, and to nobody else', (name) => {
    const others = DELIVERED_EVENTS.filter((other) => other !== name);
    expect(isWanted(anEvent({ name }), [name], receiver)).toBe(true);
    expect(isWanted(anEvent({ name }), others, receiver)).toBe(false);
  });

  it.each(['token.read', 'delivery.succeeded', 'key.rotated'])('%s never is', (name) => {
    expect(isWanted(anEvent({ name }), DELIVERED_EVENTS, receiver)).toBe(false);
  });

  it('of the receiver itself is not', () => {
    expect(isWanted(anEvent({ integrationId: receiver }), DELIVERED_EVENTS, receiver)).toBe(false);
  });
});

it.each([
  ['integration.connected', { status: 'connected' }],
  ['integration.recovered', { status: 'connected' }],
  ['integration.reauth_required', { status: 'reauth_required' }],
  ['integration.disconnected', { status: 'not_connected' }],
  ['sync.completed', {}],
])('%s tells which integration, and how it stands', (name, told) => {
  const event = anEvent({ name });
  expect(hubEventData(event)).toEqual({ provider: 'notion', integrationId: event.integrationId, ...told });
});
