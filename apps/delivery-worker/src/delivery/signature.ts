import { Webhook } from 'standardwebhooks';

const MS_IN_SECOND = 1_000;

/** What a receiver is sent of an event. `data` is its JSON as it was taken in. */
export interface SignedEvent {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly at: Date;
  readonly data: string;
}

/** The body of a delivery: the same bytes at every try. */
export function deliveryBody({ id, seq, type, at, data }: SignedEvent): string {
  return `{"id":${JSON.stringify(id)},"seq":${seq},"type":${JSON.stringify(type)},"at":${JSON.stringify(at)},"data":${data}}`;
}

/**
 * The headers of Standard Webhooks (https://www.standardwebhooks.com) for a body.
 *
 * @param secrets `whsec_…`, the newest first: a receiver that knows any of them finds its signature in the list
 * @param sentAt  of this try: receivers refuse what was signed long ago, so each try is signed anew
 */
export function signatureHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  sentAt: Date,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / MS_IN_SECOND)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, sentAt, body)).join(' '),
  };
}
