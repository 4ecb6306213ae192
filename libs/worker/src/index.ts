export { endAll } from './end-all';
export { FigureGauges } from './figure-gauges';
export { LaneTurns } from './lane-turns';
export { OverdueWatch, type WatchDuty } from './overdue-watch.service';
export { databaseReadiness } from './readiness';
export { SingleFlight } from './single-flight';
export { within } from './within';
export { runWorker, type WorkerApp } from './worker-process';
