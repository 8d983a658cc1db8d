import { type ArtifactReply, artifactReply } from "../../shared/contract/artifacts.ts";
import type { ArtifactRow } from "../../shared/db/artifacts.ts";

const metadata = artifactReply.shape.metadata;

/** An artifact as its swarm reads about it. */
export function toArtifactReply(artifact: ArtifactRow): ArtifactReply {
  return {
    artifact_id: artifact.artifact_id,
    name: artifact.name,
    type: artifact.type,
    format: artifact.format,
    size_bytes: artifact.size_bytes,
    created_at: artifact.created_at,
    expires_at: artifact.expires_at,
    metadata: metadata.parse(artifact.metadata),
    tags: artifact.tags,
    state: artifact.state,
    agent: artifact.agent,
    crc32c: artifact.crc32c,
  };
}
