-- What version 1.0.0 has written, as sqlite3's .dump tells it.
BEGIN TRANSACTION;
CREATE TABLE "responses" ("id" TEXT NOT NULL PRIMARY KEY, "tenant" TEXT NOT NULL, "previous" TEXT, "created" REAL NOT NULL, "size" INTEGER NOT NULL, "body" BLOB NOT NULL);
INSERT INTO "responses" VALUES('resp_1','a',NULL,1.5,4,X'626F6479');
CREATE TABLE "schema_version" ("id" INTEGER NOT NULL PRIMARY KEY, "number" INTEGER NOT NULL);
INSERT INTO "schema_version" VALUES(1,1);
CREATE TABLE "usage" ("hour" INTEGER NOT NULL, "key" TEXT NOT NULL, "model" TEXT NOT NULL, "route" TEXT NOT NULL, "requests" INTEGER NOT NULL, "errors" INTEGER NOT NULL, "prompt" INTEGER NOT NULL, "completion" INTEGER NOT NULL, "cached" INTEGER NOT NULL, "seconds" REAL NOT NULL, PRIMARY KEY ("hour", "key", "model", "route"));
INSERT INTO "usage" VALUES(480009,'ann','GigaChat-2-Max','/v1/chat/completions',2,0,11,6,2,3.0);
INSERT INTO "usage" VALUES(480009,'bob','other','/v1/chat/completions',1,0,100,50,0,1.5);
INSERT INTO "usage" VALUES(480009,'bob','GigaChat-2','/v1/chat/completions',1,1,0,0,0,1.5);
CREATE TABLE "usage_failures" ("hour" INTEGER NOT NULL, "key" TEXT NOT NULL, "model" TEXT NOT NULL, "route" TEXT NOT NULL, "cause" TEXT NOT NULL, "errors" INTEGER NOT NULL, PRIMARY KEY ("hour", "key", "model", "route", "cause"));
INSERT INTO "usage_failures" VALUES(480009,'bob','GigaChat-2','/v1/chat/completions','insufficient_quota',1);
CREATE INDEX "keptresponse_created" ON "responses" ("created");
COMMIT;
