// What was measured: for each task and contender the measures of all rounds.

export const median = list => {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

export class Samples {
  #say;
  #measures = new Map();

  constructor(say) {
    this.#say = say;
  }

  keep(task, contender, measure) {
    if (!this.#measures.has(task)) this.#measures.set(task, new Map());
    const row = this.#measures.get(task);
    if (!row.has(contender)) row.set(contender, []);
    row.get(contender).push(measure);
    this.#say(`${contender.padEnd(9)} ${task.padEnd(28)} ${measure.ms.toFixed(1)} ms`);
  }

  get tasks() {
    return [...this.#measures.keys()];
  }

  of(task, contender) {
    return this.#measures.get(task)?.get(contender) ?? [];
  }

  /** Median, least and most milliseconds; undefined of what was not measured. */
  ms(task, contender) {
    const list = this.of(task, contender).map(each => each.ms);
    return list.length ? { median: median(list), min: Math.min(...list), max: Math.max(...list) } : undefined;
  }

  /** The median of what went over the wire: requests, sent, received; undefined without one. */
  wire(task, contender) {
    const wires = this.of(task, contender).flatMap(each => each.wire ?? []);
    if (!wires.length) return undefined;
    const middle = name => median(wires.map(wire => wire[name]));
    return { requests: middle('requests'), sent: middle('sent'), received: middle('received') };
  }

  /** One contender's medians over another's, and the least and most of the rounds' own ratios. */
  ratio(task, contender, peer) {
    const [own, others] = [this.of(task, contender), this.of(task, peer)];
    if (!own.length || !others.length) return undefined;
    const each = own.slice(0, others.length).map((measure, at) => measure.ms / others[at].ms);
    const value = this.ms(task, contender).median / this.ms(task, peer).median;
    return { median: value, min: Math.min(...each), max: Math.max(...each) };
  }
}
