import { z } from "zod";

/** What a content-type header can carry. */
export const MEDIA_TYPE = /^[\x21-\x7e][\x20-\x7e]*$/;

export const mediaType = z.string().max(256).regex(MEDIA_TYPE, "Input should be a media type");
