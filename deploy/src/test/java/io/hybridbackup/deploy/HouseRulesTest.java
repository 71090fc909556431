package io.hybridbackup.deploy;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noFields;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.Arrays;
import java.util.List;

@AnalyzeClasses(packages = "io.hybridbackup", importOptions = ImportOption.DoNotIncludeTests.class)
class HouseRulesTest {
  private static final String[] SERVICES = {
    "io.hybridbackup.dbdump..",
    "io.hybridbackup.mediasync..",
    "io.hybridbackup.packager..",
    "io.hybridbackup.restore.."
  };

  @ArchTest
  static final ArchRule servicesDoNotKnowEachOther =
      slices()
          .assignedFrom(new Services())
          .should()
          .notDependOnEachOther()
          .because("each service can be run, replaced and understood alone");

  @ArchTest
  static final ArchRule commonKnowsNoService =
      noClasses()
          .that()
          .resideInAPackage("io.hybridbackup.common..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(with("io.hybridbackup.deploy..", SERVICES));

  @ArchTest
  static final ArchRule servicesDoNotKnowTheProgram =
      noClasses()
          .that()
          .resideInAnyPackage(SERVICES)
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.hybridbackup.deploy..");

  @ArchTest
  static final ArchRule packagesAreFeatures =
      noClasses()
          .should()
          .resideInAnyPackage(
              "..util..",
              "..utils..",
              "..impl..",
              "..dto..",
              "..service..",
              "..helper..",
              "..manager..");

  @ArchTest
  static final ArchRule nothingIsInjectedIntoFields =
      noFields()
          .should()
          .beAnnotatedWith("org.springframework.beans.factory.annotation.Autowired")
          .orShould()
          .beAnnotatedWith("org.springframework.beans.factory.annotation.Value")
          .orShould()
          .beAnnotatedWith("jakarta.inject.Inject")
          .orShould()
          .beAnnotatedWith("jakarta.annotation.Resource");

  @ArchTest
  static void everyModuleIsLookedAt(JavaClasses classes) {
    for (String service : SERVICES) {
      String name = service.substring(0, service.length() - 2);
      if (classes.stream().noneMatch(type -> type.getPackageName().startsWith(name))) {
        throw new AssertionError("no class of " + name + " was found");
      }
    }
  }

  private static String[] with(String one, String... others) {
    String[] all = Arrays.copyOf(others, others.length + 1);
    all[others.length] = one;
    return all;
  }

  /** One slice a service. */
  private static final class Services implements SliceAssignment {
    @Override
    public SliceIdentifier getIdentifierOf(JavaClass type) {
      return List.of(SERVICES).stream()
          .map(service -> service.substring(0, service.length() - 2))
          .filter(service -> (type.getPackageName() + ".").startsWith(service + "."))
          .findFirst()
          .map(SliceIdentifier::of)
          .orElseGet(SliceIdentifier::ignore);
    }

    @Override
    public String getDescription() {
      return "services";
    }
  }
}
