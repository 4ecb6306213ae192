import { LIVE_EVENT_NAMES } from '@hub/domain';
import { eventMessage, liveMessageSchema, readyMessage } from './live-message';

const EVENT = { seq: 7, at: new Date('2026-11-28T12:00:00.5Z'), name: 'sync.completed', provider: 'p' } as const;

describe('the messages of live status', () => {
  it('begin with where the socket stands', () => {
    expect(JSON.parse(readyMessage(0))).toEqual({ name: 'ready', seq: 0 });
    expect(liveMessageSchema.parse(JSON.parse(readyMessage(12)))).toEqual({ name: 'ready', seq: 12 });
  });

  it.each(LIVE_EVENT_NAMES)('tell of %s as the document says', (name) => {
    const message: unknown = JSON.parse(eventMessage({ ...EVENT, name }, null));
    expect(liveMessageSchema.parse(message)).toEqual({
      seq: 7,
      at: '2026-11-28T12:00:00.500Z',
      name,
      provider: 'p',
      integration: null,
    });
  });
});
