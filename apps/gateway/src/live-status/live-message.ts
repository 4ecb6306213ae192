import { LIVE_EVENT_NAMES, type LiveEventName } from '@hub/domain';
import { z } from 'zod';
import { integrationSchema, type IntegrationView } from '../integrations/integration-view';

const seq = z.int().describe('the number of the event in the trail of the org; some are left out');

/** What a socket of live status sends, each as a text of JSON. */
export const liveMessageSchema = z
  .discriminatedUnion('name', [
    z
      .strictObject({
        name: z.literal('ready'),
        seq: z.int().describe('events after this one follow: the `after` of the request, or the end of the trail'),
      })
      .describe('the first message, once'),
    z.strictObject({
      seq,
      at: z.iso.datetime({ precision: 3 }),
      name: z.enum(LIVE_EVENT_NAMES),
      provider: z.string().nullable(),
      integration: integrationSchema
        .nullable()
        .describe(
          'as it stands when the message is made; `not_connected` once it is gone, null where nothing is known of it',
        ),
    }),
  ])
  .meta({ id: 'LiveMessage' });

/** An event as it is to be told. */
export interface ToldEvent {
  readonly seq: number;
  readonly at: Date;
  readonly name: LiveEventName;
  readonly provider: string | null;
}

/** The first message of a socket. @param seq events after this one follow */
export function readyMessage(seq: number): string {
  return JSON.stringify({ name: 'ready', seq } satisfies z.infer<typeof liveMessageSchema>);
}

/** An event with the integration that it is of. */
export function eventMessage({ seq, at, name, provider }: ToldEvent, integration: IntegrationView | null): string {
  const message = { seq, at: at.toISOString(), name, provider, integration };
  return JSON.stringify(message satisfies z.infer<typeof liveMessageSchema>);
}
