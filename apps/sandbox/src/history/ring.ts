/** The latest `size` items with a running number each. Reading is by number, so a reader knows what it has missed. */
export class Ring<T extends { seq: number }> {
  private items: T[] = [];
  /** Where the oldest item sits once the ring is full. */
  private head = 0;

  constructor(private size: number) {}

  push(item: T): void {
    if (this.items.length < this.size) {
      this.items.push(item);
      return;
    }
    this.items[this.head] = item;
    this.head = (this.head + 1) % this.size;
  }

  /** Items with a number greater than `after`, oldest first. */
  after(after: number): T[] {
    const ordered = this.ordered();
    let low = 0;
    let high = ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ordered[middle]!.seq <= after) low = middle + 1;
      else high = middle;
    }
    return ordered.slice(low);
  }

  get length(): number {
    return this.items.length;
  }

  get oldestSeq(): number | null {
    return this.items[this.head]?.seq ?? null;
  }

  resize(size: number): void {
    this.items = this.ordered().slice(-size);
    this.head = 0;
    this.size = size;
  }

  remove(which: (item: T) => boolean): void {
    this.items = this.ordered().filter((item) => !which(item));
    this.head = 0;
  }

  private ordered(): T[] {
    return this.head === 0 ? this.items : [...this.items.slice(this.head), ...this.items.slice(0, this.head)];
  }
}
