/** A font of one glyph (WOFF2): an A that is three times as wide as the text is high. Made for these tests. */
export const FONT = Buffer.from(
  'd09GMgABAAAAAAEcAAoAAAAAAnQAAADVAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAABmAANAowRAE2AiQDBgsGAAQgBVcHIBvOAQAuCuwGeYc8Ec6p3qcZ' +
    'eq3ahYivH9N9/y5JicazsFVla1stSJgqSazjNjbcy3E7zQiSCFpBBUnfOICd4Ar4XyfHF8sCDICyFkGAGlhcgIEl6Q7ZjO2ISMebNqrl2zDRzAHO2+AS' +
    'axdq1yMAYBcMFHaUYEfbRWvB5XwVJQAGaAwsYA3QINKduh4gfw+6fEEQ3q8+j/WT/4WqJ7g5ilLLt4kyQKjdOSzfQhnAsh0kGFrAAABAOxYQjYBhppX0' +
    'oliwPMewZvscTb9H3c+NIkbaW+lAAwA=',
  'base64',
);
