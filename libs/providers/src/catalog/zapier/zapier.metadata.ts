import { textField } from '../../json-fields';
import type { MetadataContext, MetadataReading } from '../../provider-definition';

/**
 * What is known of the hook, without a call: every request starts the customer's Zap, and Zapier answers 200 for Zaps
 * that are off or gone. Deliveries learn the status; here it is only kept.
 */
export function readHookStatus({ known }: Pick<MetadataContext, 'known'>): Promise<MetadataReading> {
  return Promise.resolve({
    ok: true,
    metadata: {
      webhookStatus: textField(known, 'webhookStatus') ?? 'unverified',
      lastDeliveryAt: textField(known, 'lastDeliveryAt') ?? null,
    },
    account: null,
    onlyFillsIn: true,
  });
}
