import { transliterate } from "./transliteration.ts";

export interface Name {
  /** As its bearer writes it. */
  readonly native: string;
  /** In Latin letters; the same where the bearer writes them. */
  readonly latin: string;
  /** As it stands in a mail address: a-z and inner hyphens. */
  readonly local: string;
}

export interface Office {
  readonly city: string;
  readonly street: string;
  /** `#` stands for a digit. */
  readonly postalCode: string;
  readonly telephonePrefix: string;
  readonly mobilePrefix: string;
}

/** How people of one country are called and where their office is. */
export interface Culture {
  /** BCP 47 */
  readonly language: string;
  readonly familyFirst: boolean;
  readonly office: Office;
  readonly given: readonly Name[];
  readonly family: readonly Name[];
}

/** `native` or `native=latin`, separated by `|`, since names hold spaces. */
function names(list: string, language: string): readonly Name[] {
  return list.split("|").map((each) => {
    const [native = "", latin = native] = each.split("=");
    return { native, latin, local: transliterate(latin, language) };
  });
}

function culture(
  language: string,
  office: readonly [
    city: string,
    street: string,
    postalCode: string,
    telephone: string,
    mobile: string,
  ],
  people: { readonly given: string; readonly family: string; readonly familyFirst?: boolean },
): Culture {
  const [city, street, postalCode, telephonePrefix, mobilePrefix] = office;
  return {
    language,
    familyFirst: people.familyFirst ?? false,
    office: { city, street, postalCode, telephonePrefix, mobilePrefix },
    given: names(people.given, language),
    family: names(people.family, language),
  };
}

const EUROPE = [
  culture("de-DE", ["Berlin", "Große Hamburger Straße", "1####", "+49 30", "+49 170"], {
    given:
      "Anna|Jürgen|Björn|Käthe|Lukas|Sophie|Jörg|Hannah|Felix|Greta|Matthias|Ute|Günther|Leonie|Till|Annegret",
    family:
      "Müller|Schmidt|Schäfer|Weiß|Groß|Fischer|Krüger|Hoffmann|Müller-Lüdenscheidt|von der Heide|Köhler|Vogel|Jäger|Braun|Böhm|Lang",
  }),
  culture("fr-FR", ["Paris", "Rue de l'Évêque", "75###", "+33 1", "+33 6"], {
    given:
      "Françoise|Luc|Zoé|Anaïs|Jérôme|Hélène|Benoît|Chloé|Rémi|Margaux|Étienne|Noël|Agnès|Théo|Solène|Guy",
    family:
      "Dubois|Lefèvre|Moreau|Girard|Garçon|de la Tour|L'Hermitte|Béranger|Roux|Fontaine|Chevalier|Noé|Gauthier|Perrin|Masson|d'Aubigné",
  }),
  culture("pl-PL", ["Kraków", "ulica Świętej Anny", "3#-###", "+48 12", "+48 601"], {
    given:
      "Łukasz|Małgorzata|Paweł|Agnieszka|Wojciech|Żaneta|Michał|Joanna|Stanisław|Bożena|Tomasz|Ewa|Krzysztof|Zofia",
    family:
      "Kowalski|Wiśniewska|Dąbrowski|Wójcik|Szczęsny|Żak|Kamiński|Łuczak|Gołąb|Zieliński|Pawłowska|Król|Wróbel|Sikora",
  }),
  culture("el-GR", ["Αθήνα", "Οδός Ερμού", "10###", "+30 21", "+30 694"], {
    given:
      "Σοφία=Sofia|Γιώργος=Giorgos|Ελένη=Eleni|Νίκος=Nikos|Μαρία=Maria|Κώστας=Kostas|Αικατερίνη=Aikaterini|Δημήτρης=Dimitris|Ιωάννα=Ioanna|Θανάσης=Thanasis",
    family:
      "Παπαδόπουλος=Papadopoulos|Γεωργίου=Georgiou|Νικολάου=Nikolaou|Οικονόμου=Oikonomou|Αντωνίου=Antoniou|Βασιλείου=Vasileiou|Ξενάκης=Xenakis|Χατζής=Chatzis|Ψαρρός=Psarros|Ζαφείρης=Zafeiris",
  }),
  culture("uk-UA", ["Київ", "вулиця Хрещатик", "01###", "+380 44", "+380 67"], {
    given:
      "Ольга=Olha|Володимир=Volodymyr|Надія=Nadiia|Тарас=Taras|Юлія=Yuliia|Андрій=Andrii|Оксана=Oksana|Дмитро=Dmytro|Ганна=Hanna|Сергій=Serhii|Ірина=Iryna|Богдан=Bohdan",
    family:
      "Шевченко=Shevchenko|Коваленко=Kovalenko|Бондар=Bondar|Ткаченко=Tkachenko|Кравець=Kravets|Олійник=Oliinyk|Лисенко=Lysenko|Мельник=Melnyk|Гончар=Honchar|Щербак=Shcherbak|Яременко=Yaremenko|Зінченко=Zinchenko",
  }),
];

const NORDICS = [
  culture("sv-SE", ["Göteborg", "Östra Hamngatan", "41# ##", "+46 31", "+46 70"], {
    given: "Åsa|Björn|Linnéa|Göran|Märta|Håkan|Ylva|Östen|Elsa|Gustav|Maja|Per|Ebba|Nils",
    family:
      "Ångström|Håkansson|Lindqvist|Sjöberg|Öberg|Nyström|Bergman|Åkesson|Björk|Ek|Löfgren|Wallin|Strand|Hedlund",
  }),
  culture("nb-NO", ["Tromsø", "Strandgata", "9###", "+47 77", "+47 400"], {
    given:
      "Søren|Øystein|Ingrid|Kåre|Solveig|Bjørn|Åse|Torbjørn|Marit|Sindre|Live|Håvard|Ragnhild|Geir",
    family:
      "Øverland|Bråten|Næss|Hansen|Ødegård|Lie|Sæther|Bakke|Strøm|Haugen|Dahl|Kvåle|Moen|Tveit",
  }),
  culture("is-IS", ["Reykjavík", "Laugavegur", "1##", "+354 5", "+354 8"], {
    given: "Þór=Thor|Guðrún|Sigríður|Ólafur|Björk|Æsa|Davíð|Hrafnhildur|Jón|Ásta",
    family:
      "Jónsdóttir|Þorsteinsson|Sigurðardóttir|Ólafsson|Guðmundsson|Ægisdóttir|Helgason|Björnsdóttir|Einarsson|Hauksdóttir",
  }),
  culture("fi-FI", ["Jyväskylä", "Väinönkatu", "40###", "+358 14", "+358 40"], {
    given: "Aino|Väinö|Päivi|Jukka|Säde|Mikko|Tyyne|Onni|Kerttu|Eero|Tuuli",
    family:
      "Mäkinen|Korhonen|Järvinen|Niemi|Hämäläinen|Koskela|Yli-Öyrä|Lehtonen|Väisänen|Salo|Rönkä|Aalto",
  }),
];

const AMERICAS = [
  culture("en-US", ["Austin", "Congress Avenue", "787##", "+1 512", "+1 737"], {
    given:
      "Emily|Noah|Olivia|Liam|Ava|Ethan|Grace|Mason|Zoë|Jackson|Renée|Dwayne|Chloe|Tyler|Siobhán|Marcus",
    family:
      "Smith|Johnson|O'Brien|Williams|Lee|Garcia|McDonald|Taylor-Jones|Brown|Nguyen|St. John|Washington|Clark|O'Neill|Baker|King",
  }),
  culture("es-MX", ["Ciudad de México", "Avenida Insurgentes", "06###", "+52 55", "+52 155"], {
    given:
      "José|María|Íñigo|Lucía|Andrés|Sofía|Ángel|Begoña|Joaquín|Ximena|Raúl|Inés|Jesús|Guadalupe",
    family:
      "García|Muñoz|Hernández|de la Cruz|Ibáñez|Peña|Núñez|López y Vega|Castañeda|Ríos|Domínguez|Zúñiga|Ávila|Ortiz",
  }),
  culture("pt-BR", ["São Paulo", "Avenida São João", "010##-###", "+55 11", "+55 119"], {
    given: "João|Conceição|Luís|Ana|Tomás|Júlia|Antônio|Fernanda|Mário|Lígia|Caíque|Patrícia",
    family:
      "Silva|Gonçalves|Araújo|dos Santos|Guimarães|Conceição|Sá|Brandão|Magalhães|Pereira|Leão|Assunção",
  }),
  culture("fr-CA", ["Montréal", "Rue Sainte-Catherine", "H2#", "+1 514", "+1 438"], {
    given: "Gaétan|Maëlle|Réjean|Océane|Loïc|Geneviève|Cédric|Léa|Yves|Élodie",
    family: "Tremblay|Côté|Bélanger|Lévesque|Gagné|Ouellet|Pelletier|Thériault|Boisvert|Désilets",
  }),
];

const ASIA_PACIFIC = [
  culture("ja-JP", ["東京", "丸の内", "100-####", "+81 3", "+81 90"], {
    familyFirst: true,
    given:
      "美咲=Misaki|太郎=Taro|花子=Hanako|健=Ken|さくら=Sakura|翔太=Shota|陽子=Yoko|大輔=Daisuke|直美=Naomi|一郎=Ichiro|恵=Megumi|誠=Makoto",
    family:
      "佐藤=Sato|鈴木=Suzuki|高橋=Takahashi|田中=Tanaka|渡辺=Watanabe|伊藤=Ito|山本=Yamamoto|中村=Nakamura|小林=Kobayashi|加藤=Kato|吉田=Yoshida|齋藤=Saito",
  }),
  culture("zh-CN", ["上海", "南京东路", "2000##", "+86 21", "+86 139"], {
    familyFirst: true,
    given:
      "伟=Wei|秀英=Xiuying|芳=Fang|强=Qiang|丽=Li|静=Jing|明=Ming|小红=Xiaohong|建国=Jianguo|雪=Xue|龙=Long|玉兰=Yulan",
    family:
      "李=Li|王=Wang|张=Zhang|刘=Liu|陈=Chen|杨=Yang|赵=Zhao|黄=Huang|周=Zhou|吴=Wu|徐=Xu|孙=Sun",
  }),
  culture("ko-KR", ["서울", "세종대로", "04###", "+82 2", "+82 10"], {
    familyFirst: true,
    given:
      "민준=Minjun|서연=Seoyeon|지훈=Jihun|하은=Haeun|도윤=Doyun|수빈=Subin|예진=Yejin|현우=Hyeonu|은지=Eunji|준호=Junho",
    family: "김=Kim|이=Lee|박=Park|최=Choi|정=Jeong|강=Kang|조=Cho|윤=Yoon|장=Jang|한=Han",
  }),
  culture("vi-VN", ["Hà Nội", "Phố Tràng Tiền", "10####", "+84 24", "+84 91"], {
    familyFirst: true,
    given: "Ngọc|Đức|Hương|Tuấn|Thủy|Quốc|Phượng|Khánh|Mỹ|Dũng|Trâm|Việt",
    family: "Nguyễn|Trần|Lê|Phạm|Hoàng|Đặng|Bùi|Đỗ|Hồ|Ngô|Dương|Vũ",
  }),
  culture("en-IN", ["Bengaluru", "Mahatma Gandhi Road", "5600##", "+91 80", "+91 98"], {
    given: "Priya|Rahul|Ananya|Vikram|Lakshmi|Arjun|Meera|Sanjay|Kavya|Rohan|Divya|Nikhil",
    family: "Sharma|Patel|Krishnamurthy|Iyer|Reddy|Singh|Nair|Chatterjee|Gupta|Deshpande|Rao|Bose",
  }),
];

const MIDDLE_EAST_AND_AFRICA = [
  culture("ar-EG", ["القاهرة", "شارع طلعت حرب", "115##", "+20 2", "+20 100"], {
    given:
      "محمد=Mohamed|فاطمة=Fatma|أحمد=Ahmed|ليلى=Layla|يوسف=Youssef|نور=Nour|خالد=Khaled|مريم=Mariam|عمر=Omar|هدى=Hoda",
    family:
      "العربي=Elaraby|حسن=Hassan|إبراهيم=Ibrahim|المصري=Elmasry|سليمان=Soliman|عبد الله=Abdallah|النجار=Elnaggar|فوزي=Fawzy|منصور=Mansour|شريف=Sherif",
  }),
  culture("he-IL", ["תל אביב", "שדרות רוטשילד", "61#####", "+972 3", "+972 54"], {
    given: "נועה=Noa|דוד=David|יעל=Yael|איתן=Eitan|תמר=Tamar|אורי=Uri|מיכל=Michal|יונתן=Yonatan",
    family:
      "כהן=Cohen|לוי=Levi|מזרחי=Mizrahi|פרץ=Peretz|ביטון=Biton|אברהם=Avraham|פרידמן=Friedman|שפירא=Shapira",
  }),
  culture("tr-TR", ["İstanbul", "İstiklâl Caddesi", "34###", "+90 212", "+90 532"], {
    given: "Ayşe|Mehmet|Çiğdem|Oğuz|Işıl|Özgür|Gülşah|Tuğba|İbrahim|Şule|Ümit|Nazlı",
    family: "Yılmaz|Öztürk|Çelik|Şahin|Doğan|Aydın|Kılıç|Güneş|Işık|Yıldız|Karaoğlu|Erdoğmuş",
  }),
  culture("en-NG", ["Lagos", "Broad Street", "101###", "+234 1", "+234 803"], {
    given: "Chidi|Amara|Ṣadé=Sade|Kwame|Ngozi|Tunde|Folúkẹ́=Foluke|Emeka|Zainab|Ifeoma",
    family:
      "Okafor|Adébáyọ̀=Adebayo|Mensah|Eze|Balogun|Nwosu|Ọláìyá=Olaiya|Abubakar|Okonkwo|Danjuma",
  }),
];

/** Regions of the company in the order in which it grew; small companies have the first ones. */
export const REGIONS: readonly { readonly name: string; readonly cultures: readonly Culture[] }[] =
  [
    { name: "Europe", cultures: EUROPE },
    { name: "Asia Pacific", cultures: ASIA_PACIFIC },
    { name: "Américas", cultures: AMERICAS },
    { name: "Middle East & Africa", cultures: MIDDLE_EAST_AND_AFRICA },
    { name: "Nordics", cultures: NORDICS },
  ];
