import type { HubDatabase } from './hub-database';
import { selectOne } from './statements';

/** What is told of all deliveries together; of no org. */
export interface DeliveryFigures {
  /** Dead letters. */
  readonly dead: number;
  /** For how long the oldest has been due that nobody is at and that nothing holds up, in seconds; 0: there is none. */
  readonly oldestDueSeconds: number;
  /** Deliveries that are pending, by what they wait for: their time, a circuit that stands open, a new URL. */
  readonly waiting: { readonly due: number; readonly circuit: number; readonly new_url: number };
  /** Receivers whose circuit stands open, or lets a trial through. */
  readonly openCircuits: number;
  /** Integrations for which the hub's own events wait in the trail, as there is no room for more of them. */
  readonly fullOutboxes: number;
  /** Providers whose word that hooks are gone is not believed for now. */
  readonly holds: number;
}

interface FiguresRow {
  dead: number;
  oldest_due: number;
  for_time: number;
  for_circuit: number;
  for_url: number;
  open_circuits: number;
  full_outboxes: number;
  holds: number;
}

/** Looks at all deliveries together, for gauges. */
export class DeliveryFiguresRepository {
  constructor(private readonly database: HubDatabase) {}

  async read(): Promise<DeliveryFigures> {
    const row = await this.database.asSystem('figures of all deliveries', (manager) =>
      selectOne<FiguresRow>(
        manager,
        `select *, (select count(*) from public.hook_holds where closed_at is null) as holds
         from hub.delivery_figures(), hub.delivery_bounds()`,
      ),
    );
    return {
      dead: row.dead,
      oldestDueSeconds: row.oldest_due,
      waiting: { due: row.for_time, circuit: row.for_circuit, new_url: row.for_url },
      openCircuits: row.open_circuits,
      fullOutboxes: row.full_outboxes,
      holds: row.holds,
    };
  }
}
