import { z } from 'zod';
import { defineRoute } from '../http/route';
import { LIVE_CLOSE_WORDS } from './live-closes';
import { liveMessageSchema } from './live-message';

/** The subprotocol, where a client offers any. */
export const LIVE_PROTOCOL = 'hub.v1';

export const followLive = defineRoute({
  method: 'GET',
  path: '/functions/v1/integrations/live',
  summary: 'What happens to the integrations of the org, as it happens: a WebSocket',
  scope: 'integrations:read',
  kind: 'api',
  socket: { protocol: LIVE_PROTOCOL, messages: liveMessageSchema, closes: LIVE_CLOSE_WORDS },
  query: z.strictObject({
    after: z
      .string()
      .regex(/^\d{1,15}$/, 'must be the seq of an earlier message')
      .transform(Number)
      .optional()
      .meta({ description: 'the last seq that was received: all after it follows, nothing is left out or sent twice' }),
  }),
  answers: { 101: { description: 'The socket is open. Each message is a text of JSON, the first one `ready`.' } },
});
