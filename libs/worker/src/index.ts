export { OverdueWatch, type WatchDuty } from './overdue-watch.service';
export { databaseReadiness } from './readiness';
export { SingleFlight } from './single-flight';
export { runWorker, type WorkerApp } from './worker-process';
