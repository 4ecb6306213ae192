/** What a person does to a page; what a page does by itself is none of it. */
const TOUCHES = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchmove', 'focus'] as const;

/** Whether somebody has touched the page since the hub was last told so. */
export class Touches {
  private isTouched = true; // somebody has opened it

  /** Begins to notice. @param target whose events tell of the person */
  watch(target: EventTarget): void {
    for (const name of TOUCHES) target.addEventListener(name, () => this.touch(), { passive: true });
  }

  /** Somebody is there. */
  touch(): void {
    this.isTouched = true;
  }

  /** Whether there is something to tell. It counts as told: whoever could not tell it says {@link touch}. */
  take(): boolean {
    const wasTouched = this.isTouched;
    this.isTouched = false;
    return wasTouched;
  }
}
