import { createHmac, randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { deliveryBody, signatureHeaders } from './signature';

const aSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
const event = {
  id: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21',
  seq: 7,
  type: 'order "paid"',
  at: new Date('2026-11-28T10:00:00.123Z'),
  data: '{"text":"Grüße \\u2028 ✓","nested":{"n":1.50}}',
};

describe('the body of a delivery', () => {
  it('is JSON with what the contract names, the data as it was taken in', () => {
    const body = deliveryBody(event);
    expect(JSON.parse(body)).toEqual({
      id: event.id,
      seq: 7,
      type: 'order "paid"',
      at: '2026-11-28T10:00:00.123Z',
      data: { text: 'Grüße \u2028 ✓', nested: { n: 1.5 } },
    });
    expect(body).toContain(event.data);
  });
});

describe('the signature of a delivery', () => {
  const body = deliveryBody(event);

  it("is that of the specification's own example", () => {
    // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
    const headers = signatureHeaders(
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      '{"test": 2432232314}',
      ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      new Date(1_614_265_330_000),
    );
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is an HMAC-SHA256 over id, timestamp and body, by the key that is in the secret', () => {
    const key = randomBytes(32);
    const headers = signatureHeaders(event.id, body, [`whsec_${key.toString('base64')}`], event.at);
    const signed = `${event.id}.${headers['webhook-timestamp']}.${body}`;
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  });

  it('is believed by whoever knows the new secret or the one before, and by nobody else', () => {
    const [now, before] = [aSecret(), aSecret()];
    const headers = signatureHeaders(event.id, body, [now, before], new Date());
    for (const secret of [now, before]) expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(aSecret()).verify(body, headers)).toThrow('No matching signature found');
    expect(() => new Webhook(now).verify(`${body} `, headers)).toThrow('No matching signature found');
  });
});
