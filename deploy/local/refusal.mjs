/** Something expected stands in the way. The message is one whole sentence that says what to do; no stack is shown. */
export class Refusal extends Error {
  name = 'Refusal';
}

const FILE_TROUBLE = {
  ENOSPC: (at) => `The disk is full${at}: make room and run the command again.`,
  EDQUOT: (at) => `The disk quota is used up${at}: make room and run the command again.`,
  EACCES: (at) => `This user may not write${at}: change its owner, or set HUB_DATA_DIR to a folder of your own.`,
  EPERM: (at) => `This user may not write${at}: change its owner, or set HUB_DATA_DIR to a folder of your own.`,
  EROFS: (at) => `The file system is read-only${at}: set HUB_DATA_DIR to a folder that can be written.`,
  EEXIST: (at) => `A file stands where a folder is needed${at}: move it away, or set HUB_DATA_DIR to another folder.`,
  ENOTDIR: (at) => `A file stands where a folder is needed${at}: move it away, or set HUB_DATA_DIR to another folder.`,
  EMFILE: () => 'This system allows too few open files: raise the limit (ulimit -n 4096) and run the command again.',
  ENFILE: () => 'This system has no open file left: close other programs and run the command again.',
  ENOMEM: () => 'There is not enough memory: close other programs and run the command again.',
  EAGAIN: () => 'This system allows no more processes: close other programs and run the command again.',
};

/**
 * Turns an error of the operating system into a refusal; anything else comes back as it is.
 * @param {unknown} error
 * @returns {Error}
 */
export function asRefusal(error) {
  if (error instanceof Refusal) return error;
  const { code, path: file } = /** @type {NodeJS.ErrnoException} */ (error ?? {});
  const sentence = code && FILE_TROUBLE[code];
  if (sentence) return new Refusal(sentence(file ? ` (${file})` : ''), { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}
