import { largest, metric, perSecond, quantile, type DashboardSpec } from './panel';

const QUEUE = 'messaging_destination_name';

export const queues: DashboardSpec = {
  name: 'hub-queues',
  title: 'Integrations Hub: queues and workers',
  description: 'Whether due work is done at once, and by whom.',
  byProvider: false,
  rows: [
    {
      title: 'Queues',
      panels: [
        {
          title: 'Oldest work that waits',
          description:
            'For how long the oldest due work has waited, as PostgreSQL knows it. QueueOldestJobAge pages above 60 s of refreshes.',
          kind: 'line',
          unit: 's',
          badFrom: 60,
          queries: [{ expr: largest(QUEUE, 'queueOldestJobAge'), legend: `{{${QUEUE}}}` }],
        },
        {
          title: 'Jobs in Redis',
          description: 'Jobs by state. Delayed ones are refreshes that are due later.',
          kind: 'line',
          unit: 'short',
          queries: [{ expr: largest(`${QUEUE}, hub_state`, 'queueJobs'), legend: `{{${QUEUE}}} {{hub_state}}` }],
        },
        {
          title: 'Wait of a job, 95 of 100',
          description: 'From the hour of a job to its start.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: quantile(0.95, 'queueWait', QUEUE), legend: `{{${QUEUE}}}` }],
        },
        {
          title: 'Time of a job, 95 of 100',
          description: 'How long a worker is at a job.',
          kind: 'line',
          unit: 's',
          queries: [{ expr: quantile(0.95, 'processDuration', QUEUE), legend: `{{${QUEUE}}}` }],
        },
        {
          title: 'Jobs done',
          description: 'Jobs by queue, and by the error of those that failed.',
          kind: 'line',
          unit: 'ops',
          queries: [
            {
              expr: perSecond(`${QUEUE}, error_type`, `${metric('processDuration')}_count`),
              legend: `{{${QUEUE}}} {{error_type}}`,
            },
          ],
        },
        {
          title: 'Jobs that lost their worker',
          description: 'Jobs whose worker lost its lock: it died, or its event loop stood still.',
          kind: 'line',
          unit: 'ops',
          queries: [{ expr: perSecond(QUEUE, metric('stalledJobs')), legend: `{{${QUEUE}}}` }],
        },
      ],
    },
    {
      title: 'Workers',
      panels: [
        {
          title: 'Slots in use',
          description: 'Share of the places for jobs that are busy. At 100 % with a growing wait, add workers.',
          kind: 'line',
          unit: 'percentunit',
          badFrom: 1,
          queries: [
            {
              expr: `sum by (${QUEUE}) (${metric('workerSlots')}{hub_slot_state="busy"}) / sum by (${QUEUE}) (${metric('workerSlots')})`,
              legend: `{{${QUEUE}}}`,
            },
          ],
        },
        {
          title: 'Last work of the schedulers',
          description:
            'Time since each scheduler last did its work: the watch does every 15 s, the others by their settings.',
          kind: 'line',
          unit: 's',
          badFrom: 180,
          queries: [
            { expr: `time() - ${largest('hub_scheduler', 'schedulerLastSuccess')}`, legend: '{{hub_scheduler}}' },
          ],
        },
        {
          title: 'Processes',
          description: 'Processes that report, by version.',
          kind: 'number',
          unit: 'short',
          queries: [
            {
              expr: `count by (service_name, hub_version) (${metric('buildInfo')})`,
              legend: '{{service_name}} {{hub_version}}',
            },
          ],
        },
      ],
    },
  ],
};
