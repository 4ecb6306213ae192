import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A folder that is gone after the test file; call it at the top of the file. */
export function temporaryFolder(): () => string {
  let folder = '';
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hub-test-'));
    fs.chmodSync(folder, 0o711); // a server that runs as another user passes through
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return () => folder;
}
