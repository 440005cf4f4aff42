/**
 * Which topics patterns match, remembered by pattern and name: groups are looked over every few seconds, and both
 * rarely change. What is not known yet is matched in slices, so that no pattern keeps a process from its other
 * requests, however much there is to match.
 */
import type { PatternMatches, Topics } from '../../coordination/groups/subscription.ts';
import { compileTopicPattern } from '../../coordination/groups/topic-pattern.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { LruMap } from '../../kernel/lru-map.ts';

export class TopicMatches {
  private readonly clock: Clock;
  private readonly known = new LruMap<string, Map<string, boolean>>(groupLimits.topicPatternsRemembered);
  /** Since others had their turn. */
  private work = 0;

  constructor({ clock }: { clock: Clock }) {
    this.clock = clock;
  }

  async find(patterns: Iterable<string>, topics: Topics): Promise<PatternMatches> {
    const found = new Map<string, readonly TopicId[]>();
    for (const pattern of new Set(patterns)) {
      const names = await this.namesOf(pattern, topics);
      const ids = [...topics].flatMap(([name, { topicId }]) => (names.get(name) === true ? [topicId] : []));
      found.set(pattern, ids);
    }
    return found;
  }

  private async namesOf(text: string, topics: Topics): Promise<ReadonlyMap<string, boolean>> {
    const names = this.known.get(text) ?? new Map<string, boolean>();
    const unknown = [...topics.keys()].filter((name) => !names.has(name));
    if (unknown.length > 0) {
      const compiled = compileTopicPattern(text);
      for (const name of unknown) {
        // A pattern was compiled before it was stored; one that is no longer taken matches nothing.
        if (compiled.result === 'refused') {
          names.set(name, false);
          continue;
        }
        const { pattern } = compiled;
        const before = pattern.work;
        names.set(name, pattern.matches(name));
        await this.worked(name.length + pattern.work - before);
      }
    }
    for (const name of names.size > topics.size ? [...names.keys()] : []) if (!topics.has(name)) names.delete(name);
    this.known.set(text, names);
    return names;
  }

  private async worked(steps: number): Promise<void> {
    this.work += steps;
    if (this.work < groupLimits.topicMatchStepsInTurn) return;
    this.work = 0;
    await this.clock.sleep(0);
  }
}
