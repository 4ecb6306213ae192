import type { Delivery } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { Ring } from './ring';

/** Longest body kept of a delivery, in characters; `bodyLength` tells what came. */
const BODY_KEPT = 300_000;

export interface KeptDelivery extends Delivery {
  seq: number;
  /** ISO 8601 with milliseconds. */
  at: string;
  /** Characters that came, of which at most the first 300 000 are kept. */
  bodyLength: number;
}

/** The latest requests that webhook doors took in. */
export class DeliveryBox {
  private readonly ring: Ring<KeptDelivery>;
  private lastSeq = 0;

  constructor(size: number) {
    this.ring = new Ring(size);
  }

  keep(delivery: Delivery): void {
    this.ring.push({
      seq: ++this.lastSeq,
      at: new Date().toISOString(),
      ...delivery,
      body: delivery.body.slice(0, BODY_KEPT),
      bodyLength: delivery.body.length,
    });
  }

  read(query: { after: number; account?: string | undefined; limit: number }): KeptDelivery[] {
    return this.ring
      .after(query.after)
      .filter((delivery) => query.account === undefined || delivery.account === query.account)
      .slice(0, query.limit);
  }

  get total(): number {
    return this.lastSeq;
  }
}
