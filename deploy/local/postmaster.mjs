import fs from 'node:fs';
import path from 'node:path';
import { identityOf } from './process-identity.mjs';
import { stopProcess } from './stop-process.mjs';

/**
 * Clears the way for a new server on a data folder: one that an earlier start left running is stopped, and a lock file
 * whose process number now belongs to some other program is removed (PostgreSQL itself would refuse to start).
 * @param {string} folder
 */
export async function stopOtherPostmaster(folder) {
  const file = path.join(folder, 'postmaster.pid');
  if (!fs.existsSync(file)) return;
  const pid = Number.parseInt(fs.readFileSync(file, 'utf8'), 10);
  const identity = identityOf(pid);
  if (identity && servesFolder(pid, folder))
    await stopProcess({
      pid,
      identity,
      signals: [
        ['SIGINT', 20_000],
        ['SIGQUIT', 3_000],
      ],
    });
  else if (identity && process.platform === 'linux') fs.rmSync(file, { force: true });
}

/** PostgreSQL works inside its data folder. */
function servesFolder(pid, folder) {
  try {
    return fs.realpathSync(`/proc/${pid}/cwd`) === fs.realpathSync(folder);
  } catch {
    return false; // a process of another user, which therefore is not ours
  }
}
