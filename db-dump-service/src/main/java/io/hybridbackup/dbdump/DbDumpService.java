package io.hybridbackup.dbdump;

import org.springframework.boot.SpringApplication;

/** The program that runs this service alone. */
public final class DbDumpService {
  private DbDumpService() {}

  public static void main(String[] arguments) {
    SpringApplication.run(DbDumpConfiguration.class, arguments);
  }
}
