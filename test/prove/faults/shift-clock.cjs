// Loaded before an app: its wall clock stands PROVE_CLOCK_OFFSET_MS off. Only what the program reads is shifted (Date);
// timers and performance.now() run on, as they do on a machine whose clock is set wrong.
const offsetMs = Number(process.env.PROVE_CLOCK_OFFSET_MS ?? '0');
const TrueDate = Date;
const trueNow = TrueDate.now.bind(TrueDate);

class ShiftedDate extends TrueDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [trueNow() + offsetMs] : parts));
  }

  static now() {
    return trueNow() + offsetMs;
  }
}

globalThis.Date = new Proxy(ShiftedDate, { apply: () => new ShiftedDate().toString() });
