/**
 * The text that mysqldump and mariadb-dump write around the rows, taken from dumps of MySQL 8.0.36 and MariaDB 10.11.
 */

/** The program whose dumps are imitated. */
export type Flavour = "mysql" | "mariadb";

/** The texts in which the two programs differ. */
export interface FlavourText {
  readonly head: string;
  /** Text between `VALUES` and the first row. */
  readonly beforeFirstRow: string;
  readonly betweenRows: string;
  readonly binaryPrefix: string;
  readonly collation: string;
  readonly setCharacterSet: string;
}

const MYSQL_HEAD = `\
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version	8.0.36
`;

const MARIADB_HEAD = `\
/*M!999999\\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version	10.11.6-MariaDB-0+deb12u1
`;

/** The texts of each program. */
export const FLAVOURS: Readonly<Record<Flavour, FlavourText>> = {
  mysql: {
    head: MYSQL_HEAD,
    beforeFirstRow: " ",
    betweenRows: ",",
    binaryPrefix: "_binary ",
    collation: "utf8mb4_0900_ai_ci",
    setCharacterSet: "/*!50503 SET",
  },
  mariadb: {
    head: MARIADB_HEAD,
    beforeFirstRow: "\n",
    betweenRows: ",\n",
    binaryPrefix: "",
    collation: "utf8mb4_unicode_ci",
    setCharacterSet: "/*!40101 SET",
  },
};

/** Everything before the first table. */
export function dumpHead(text: FlavourText): string {
  return `${text.head}
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
${text.setCharacterSet} NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
`;
}

/** A table's definition and the lines before its rows. The definition contains `nextId`. */
export function tableHead(
  text: FlavourText,
  name: string,
  columns: readonly string[],
  nextId: number | undefined,
): string {
  const autoIncrement = nextId === undefined ? "" : ` AUTO_INCREMENT=${nextId}`;
  return `
--
-- Table structure for table \`${name}\`
--

DROP TABLE IF EXISTS \`${name}\`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
${text.setCharacterSet} character_set_client = utf8mb4 */;
CREATE TABLE \`${name}\` (
${columns.map((column) => `  ${column}`).join(",\n")}
) ENGINE=InnoDB${autoIncrement} DEFAULT CHARSET=utf8mb4 COLLATE=${text.collation};
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table \`${name}\`
--

LOCK TABLES \`${name}\` WRITE;
/*!40000 ALTER TABLE \`${name}\` DISABLE KEYS */;
`;
}

/** The lines after a table's rows. */
export function tableTail(name: string): string {
  return `/*!40000 ALTER TABLE \`${name}\` ENABLE KEYS */;
UNLOCK TABLES;
`;
}

/** Everything after the last table. `completed` is the local time in the last line, `2026-03-02  3:07:42`. */
export function dumpTail(completed: string): string {
  return `/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on ${completed}
`;
}
