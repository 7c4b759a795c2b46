/** Who waits until everything is acknowledged. */
export class FlushWaiters {
  private waiters: Array<{ readonly done: () => void; readonly fail: (cause: Error) => void }> = []

  get isEmpty(): boolean {
    return this.waiters.length === 0
  }

  wait(): Promise<void> {
    return new Promise((done, fail) => this.waiters.push({ done, fail }))
  }

  done(): void {
    for (const waiter of this.takeAll()) waiter.done()
  }

  fail(cause: Error): void {
    for (const waiter of this.takeAll()) waiter.fail(cause)
  }

  private takeAll(): typeof this.waiters {
    const { waiters } = this
    this.waiters = []
    return waiters
  }
}
