import { type FileMetaData, parquetSchema, type SchemaElement, type SchemaTree } from "hyparquet";
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from "hyparquet/src/schema.js";

/** A column as it is stored: nested data has one for each of its innermost fields. */
export interface ParquetLeaf {
  /** From the root down. */
  path: SchemaTree[];
  name: string;
  /** What is stored, without what it means: so every value passes through as it is. */
  physical: SchemaElement;
  maxDefinition: number;
  maxRepetition: number;
}

const INT96_BYTES = 12;

/** The stored columns of a file, in the order in which its row groups hold them. */
export function listLeaves(metadata: FileMetaData): ParquetLeaf[] {
  const leaves: ParquetLeaf[] = [];
  const visit = (path: SchemaTree[], node: SchemaTree) => {
    const here = [...path, node];
    for (const child of node.children) visit(here, child);
    if (node.children.length === 0 && path.length > 0) leaves.push(toLeaf(here, node));
  };
  visit([], parquetSchema(metadata));
  return leaves;
}

function toLeaf(path: SchemaTree[], { element, path: names }: SchemaTree): ParquetLeaf {
  const { name, type, type_length, repetition_type } = element;
  return {
    path,
    name: names.join("."),
    physical: {
      name,
      // Twelve bytes that nobody need understand.
      ...(type === "INT96" ? { type: "FIXED_LEN_BYTE_ARRAY", type_length: INT96_BYTES } : { type, type_length }),
      // How often a value may come is said by the levels; the encoder only refuses what it has no need to know.
      repetition_type: repetition_type === "REPEATED" ? "REQUIRED" : repetition_type,
    },
    maxDefinition: getMaxDefinitionLevel(path),
    maxRepetition: getMaxRepetitionLevel(path),
  };
}
