import { NATURE } from "./catalogue/nature.ts";
import { SOCIETY } from "./catalogue/society.ts";
import { type Dataset, type DatasetSpec, toDataset } from "./dataset.ts";

/** All datasets of one server, by ref; refs are matched in any case, as Kaggle does. */
export class Catalogue {
  readonly #datasets = new Map<string, Dataset>();

  constructor(extra: DatasetSpec[] = []) {
    for (const spec of [...NATURE, ...SOCIETY, ...extra]) this.add(spec);
  }

  /** Adds a dataset, or replaces the one of that ref. */
  add(spec: DatasetSpec): Dataset {
    const dataset = toDataset(spec);
    this.#datasets.set(spec.ref.toLowerCase(), dataset);
    return dataset;
  }

  find(ownerSlug: string, slug: string): Dataset | undefined {
    return this.#datasets.get(`${ownerSlug}/${slug}`.toLowerCase());
  }

  all(): Dataset[] {
    return [...this.#datasets.values()];
  }
}
