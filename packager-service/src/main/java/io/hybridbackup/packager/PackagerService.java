package io.hybridbackup.packager;

import org.springframework.boot.SpringApplication;

/** The program that runs this service alone. */
public final class PackagerService {
  private PackagerService() {}

  public static void main(String[] arguments) {
    SpringApplication.run(PackagerConfiguration.class, arguments);
  }
}
