import type { DeliverySettings } from '@hub/database';
import { Controller, Header } from '@nestjs/common';
import type { Caller } from '../callers/caller';
import type { RouteInput } from '../http/route';
import { CurrentCaller, Input, Route } from '../http/route.decorator';
import {
  changeDeliverySettings,
  listDeliveries,
  postEvent,
  readDeliverySecret,
  readDeliverySettings,
} from './deliveries.routes';
import { DeliveriesService } from './deliveries.service';
import { cursorOf } from './delivery-cursor';
import { deliveryView, type DeliveryView } from './delivery-view';

interface TakenView {
  readonly id: string;
  readonly state?: string;
  readonly deadLetter?: string;
}

interface SettingsView {
  readonly events: readonly string[];
  readonly pausedUntil: string | null;
  readonly eventsWaitSince: string | null;
}

@Controller()
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  @Route(postEvent)
  async post(
    @CurrentCaller() caller: Caller,
    @Input() { params, body }: RouteInput<typeof postEvent>,
  ): Promise<TakenView> {
    const { id, ended } = await this.deliveries.post(caller, params['provider'] ?? '', body);
    return { id, ...ended };
  }

  @Route(listDeliveries)
  async list(
    @CurrentCaller() caller: Caller,
    @Input() { params, query }: RouteInput<typeof listDeliveries>,
  ): Promise<{ deliveries: DeliveryView[]; nextCursor: string | null }> {
    const { cursor: after, state, limit } = query;
    const page = await this.deliveries.log(caller, params['provider'] ?? '', { after, state, limit });
    return { deliveries: page.deliveries.map(deliveryView), nextCursor: page.next && cursorOf(page.next) };
  }

  @Route(readDeliverySettings)
  async readSettings(
    @CurrentCaller() caller: Caller,
    @Input() { params }: RouteInput<typeof readDeliverySettings>,
  ): Promise<SettingsView> {
    return settingsView(await this.deliveries.readSettings(caller, params['provider'] ?? ''));
  }

  @Route(changeDeliverySettings)
  async changeSettings(
    @CurrentCaller() caller: Caller,
    @Input() { params, body }: RouteInput<typeof changeDeliverySettings>,
  ): Promise<SettingsView> {
    return settingsView(await this.deliveries.changeSettings(caller, params['provider'] ?? '', body.events));
  }

  @Route(readDeliverySecret)
  @Header('cache-control', 'no-store')
  async readSecret(
    @CurrentCaller() caller: Caller,
    @Input() { params, body }: RouteInput<typeof readDeliverySecret>,
  ): Promise<{ secret: string; previousUntil: string | null }> {
    const { secret, previousUntil } = await this.deliveries.readSecret(
      caller,
      params['provider'] ?? '',
      body.rotate ?? false,
    );
    return { secret: secret.reveal(), previousUntil: previousUntil?.toISOString() ?? null };
  }
}

function settingsView({ events, pausedUntil, eventsWaitSince }: DeliverySettings): SettingsView {
  return {
    events,
    pausedUntil: pausedUntil?.toISOString() ?? null,
    eventsWaitSince: eventsWaitSince?.toISOString() ?? null,
  };
}
