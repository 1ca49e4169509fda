<?php
/**
 * The page "My form plugin is not listed".
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Forms\Other_Forms;
use Relay_Connector\Listening\Form_Listener;
use Relay_Connector\Listening\Form_Sources;

defined( 'ABSPATH' ) || exit;

/**
 * An admin presses "Listen", sends the form once, and then says which values are to be sent under which names. The page
 * also lists the added forms and shows the code for developers.
 */
final class Other_Forms_Page {

	const SLUG   = 'relay-connector-other-forms';
	const LISTEN = 'relay_connector_listen';
	const STOP   = 'relay_connector_stop_listening';
	const ADD    = 'relay_connector_add_form';
	const REMOVE = 'relay_connector_remove_form';

	const REFRESH_S = 8;

	/**
	 * Ends the request if the user lacks the capability.
	 *
	 * @var Event_Choices
	 */
	private $choices;

	/**
	 * Takes the choices.
	 *
	 * @param Event_Choices $choices What the admin has chosen.
	 */
	public function __construct( Event_Choices $choices ) {
		$this->choices = $choices;
	}

	/**
	 * Registers the page and its handlers.
	 */
	public function add_hooks() {
		add_action( 'admin_menu', array( $this, 'add_page' ) );
		add_action( 'admin_enqueue_scripts', array( $this, 'hide_from_menu' ), 0 );
		add_action( 'admin_head', array( $this, 'reload' ) );
		add_filter( 'submenu_file', array( $this, 'highlight_settings_menu' ) );
		add_action( 'admin_enqueue_scripts', array( $this, 'add_styles' ) );
		add_action( 'admin_post_' . self::LISTEN, array( $this, 'listen' ) );
		add_action( 'admin_post_' . self::STOP, array( $this, 'stop' ) );
		add_action( 'admin_post_' . self::ADD, array( $this, 'add' ) );
		add_action( 'admin_post_' . self::REMOVE, array( $this, 'remove' ) );
	}

	/**
	 * The page's URL.
	 *
	 * @return string
	 */
	public static function url() {
		return admin_url( 'options-general.php?page=' . self::SLUG );
	}

	/**
	 * Adds the page.
	 */
	public function add_page() {
		$title = __( 'My form plugin is not listed', 'relay-connector' );
		add_options_page( $title, $title, Settings_Page::capability(), self::SLUG, array( $this, 'render' ) );
	}

	/**
	 * Removes the page from the menu, before WordPress lists the menu's pages in its command palette.
	 */
	public function hide_from_menu() {
		remove_submenu_page( 'options-general.php', self::SLUG );
	}

	/**
	 * While the plugin listens, the page reloads itself.
	 */
	public function reload() {
		global $plugin_page;
		if ( self::SLUG === $plugin_page && Form_Sources::listens_until() && null === Form_Listener::result() ) {
			?>
			<meta http-equiv="refresh" content="<?php echo absint( self::REFRESH_S ); ?>">
			<?php
		}
	}

	/**
	 * Highlights the menu entry of the settings page instead.
	 *
	 * @param string|null $file The menu entry to highlight.
	 * @return string|null
	 */
	public function highlight_settings_menu( $file ) {
		global $plugin_page;
		return self::SLUG === $plugin_page ? Settings_Page::SLUG : $file;
	}

	/**
	 * Adds the style sheet to this page only.
	 *
	 * @param string $screen The screen's id.
	 */
	public function add_styles( $screen ) {
		if ( 'settings_page_' . self::SLUG === $screen ) {
			wp_enqueue_style( Settings_Page::SLUG, plugins_url( 'assets/admin.css', RELAY_CONNECTOR_FILE ), array(), RELAY_CONNECTOR_VERSION );
		}
	}

	/**
	 * Prints the page.
	 */
	public function render() {
		?>
		<div class="wrap relay-connector">
			<h1><?php esc_html_e( 'My form plugin is not listed', 'relay-connector' ); ?></h1>
			<p><a href="<?php echo esc_url( Settings_Page::url() ); ?>">&larr; <?php esc_html_e( 'Back to the Relay settings', 'relay-connector' ); ?></a></p>
			<?php
			Action_Result::render();
			$found = Form_Listener::result();
			$until = Form_Sources::listens_until();
			if ( null !== $found ) {
				$this->render_found( $found );
			} elseif ( $until ) {
				$this->render_listening( $until );
			} else {
				$this->render_start();
			}
			$this->render_forms();
			$this->render_snippet();
			?>
		</div>
		<?php
	}

	/**
	 * Handles "Listen".
	 */
	public function listen() {
		check_admin_referer( self::LISTEN );
		$this->require_capability();
		Form_Listener::begin();
		$this->redirect();
	}

	/**
	 * Handles "Stop".
	 */
	public function stop() {
		check_admin_referer( self::STOP );
		$this->require_capability();
		Form_Listener::end();
		$this->redirect();
	}

	/**
	 * Handles "Send these entries". What the hook passes was stored when it was found; the request only chooses from it.
	 */
	public function add() {
		check_admin_referer( self::ADD );
		$this->require_capability();
		$number = isset( $_POST['found'] ) ? intval( wp_unslash( $_POST['found'] ) ) : -1;
		$title  = isset( $_POST['title'] ) ? sanitize_text_field( wp_unslash( $_POST['title'] ) ) : '';
		$mark   = isset( $_POST['mark'] ) ? intval( wp_unslash( $_POST['mark'] ) ) : -1;
		$chosen = isset( $_POST['fields'] ) ? map_deep( (array) wp_unslash( $_POST['fields'] ), 'sanitize_text_field' ) : array(); // safe: map_deep() cleans each.
		$found  = Form_Listener::result();
		if ( ! isset( $found[ $number ] ) ) {
			$this->store_result( false, __( 'The form was not added.', 'relay-connector' ), __( 'What was found is kept for half an hour only. Choose “Listen” again and send the form once more.', 'relay-connector' ) );
			$this->redirect();
		}
		$fields = $this->chosen_fields( $found[ $number ]['fields'], $chosen );
		if ( ! $fields ) {
			$this->store_result( false, __( 'The form was not added.', 'relay-connector' ), __( 'Select at least one value and give it a name.', 'relay-connector' ) );
			$this->redirect();
		}
		$id = Form_Sources::add(
			array(
				'hook'       => (string) $found[ $number ]['hook'],
				'args'       => (int) $found[ $number ]['args'],
				'title'      => '' === $title ? __( 'Form', 'relay-connector' ) : $title,
				'form_id'    => isset( $found[ $number ]['marks'][ $mark ] ) ? $found[ $number ]['marks'][ $mark ] : null,
				'is_slashed' => ! empty( $found[ $number ]['is_slashed'] ),
				'fields'     => $fields,
			)
		);
		if ( '' === $id ) {
			/* translators: %d: a number. */
			$this->store_result( false, __( 'The form was not added.', 'relay-connector' ), sprintf( __( 'There are already %d forms. Remove one that you no longer need.', 'relay-connector' ), Form_Sources::MOST ) );
			$this->redirect();
		}
		$this->choices->include_form( Other_Forms::SLUG . ':' . $id );
		Form_Listener::end();
		$this->store_result( true, __( 'The form was added.', 'relay-connector' ), __( 'The next entry is sent. Send the form once more and look at the Events tab.', 'relay-connector' ) );
		$this->redirect();
	}

	/**
	 * Handles "Remove".
	 */
	public function remove() {
		check_admin_referer( self::REMOVE );
		$this->require_capability();
		Form_Sources::remove( isset( $_POST['form'] ) ? sanitize_key( wp_unslash( $_POST['form'] ) ) : '' );
		$this->store_result( true, __( 'The form was removed.', 'relay-connector' ), __( 'Its entries are no longer sent.', 'relay-connector' ) );
		$this->redirect();
	}

	/**
	 * Prints how it works, and the button that starts it.
	 */
	private function render_start() {
		?>
		<p><?php esc_html_e( 'Relay can send the entries of nearly every form plugin. One test entry shows where your form plugin reports them.', 'relay-connector' ); ?></p>
		<ol>
			<li><?php esc_html_e( 'Choose “Listen”. Relay then listens to this browser only, for ten minutes.', 'relay-connector' ); ?></li>
			<li><?php esc_html_e( 'Open the page with your form in this browser, fill in every field with test data and send it. Use a different text in each field.', 'relay-connector' ); ?></li>
			<li><?php esc_html_e( 'Come back to this page and choose the names under which the values are sent.', 'relay-connector' ); ?></li>
		</ol>
		<p class="description"><?php esc_html_e( 'Passwords, payment cards, bank accounts and security codes are never recorded, nor are entries of your visitors. The test values are deleted when you add the form, and in any case after half an hour.', 'relay-connector' ); ?></p>
		<?php
		$this->render_button( self::LISTEN, __( 'Listen', 'relay-connector' ), 'primary' );
	}

	/**
	 * Prints what to do while the plugin listens.
	 *
	 * @param int $until Until when, in Unix seconds.
	 */
	private function render_listening( $until ) {
		?>
		<div class="notice notice-info inline" role="status">
			<p>
				<strong><?php esc_html_e( 'Relay is listening.', 'relay-connector' ); ?></strong>
				<?php
				/* translators: %s: time of day. */
				echo esc_html( sprintf( __( 'Open the page with your form in this browser and send it once. This page shows the result by itself. Relay stops listening at %s.', 'relay-connector' ), wp_date( get_option( 'time_format' ), $until ) ) );
				?>
			</p>
		</div>
		<p class="description"><?php esc_html_e( 'If nothing appears after you sent the form: fill in every field, each with a different text, and check that the form shows its success message.', 'relay-connector' ); ?></p>
		<p class="relay-connector-buttons">
			<a class="button button-primary" href="<?php echo esc_url( self::url() ); ?>"><?php esc_html_e( 'Check now', 'relay-connector' ); ?></a>
			<a class="button" href="<?php echo esc_url( home_url( '/' ) ); ?>" target="_blank" rel="noopener"><?php esc_html_e( 'Open the site', 'relay-connector' ); ?></a>
		</p>
		<?php
		$this->render_button( self::STOP, __( 'Stop listening', 'relay-connector' ) );
	}

	/**
	 * Prints what was found, the most likely first.
	 *
	 * @param array[] $found See Recorder.
	 */
	private function render_found( array $found ) {
		?>
		<p><?php esc_html_e( 'Relay has found your test entry. Choose the values to send and give each a name. The first suggestion is nearly always the right one.', 'relay-connector' ); ?></p>
		<?php
		foreach ( $found as $number => $one ) {
			?>
			<details class="relay-connector-found" <?php echo esc_attr( 0 === $number ? 'open' : '' ); ?>>
				<summary>
					<strong>
						<?php
						/* translators: %s: number of values. */
						echo esc_html( sprintf( _n( '%s value found', '%s values found', count( $one['fields'] ), 'relay-connector' ), number_format_i18n( count( $one['fields'] ) ) ) );
						?>
					</strong>
					<span class="relay-connector-small"><?php echo esc_html( $one['hook'] ); ?></span>
				</summary>
				<?php $this->render_choice( $number, $one ); ?>
			</details>
			<?php
		}
		$this->render_button( self::LISTEN, __( 'Listen again', 'relay-connector' ) );
		$this->render_button( self::STOP, __( 'Discard', 'relay-connector' ) );
	}

	/**
	 * Prints the form for one hook.
	 *
	 * @param int   $number Its number.
	 * @param array $one    See Recorder.
	 */
	private function render_choice( $number, array $one ) {
		?>
		<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post">
			<input type="hidden" name="action" value="<?php echo esc_attr( self::ADD ); ?>">
			<input type="hidden" name="found" value="<?php echo absint( $number ); ?>">
			<?php wp_nonce_field( self::ADD ); ?>
			<p>
				<label for="relay-connector-title-<?php echo absint( $number ); ?>"><?php esc_html_e( 'Name of the form', 'relay-connector' ); ?></label><br>
				<input type="text" class="regular-text" id="relay-connector-title-<?php echo absint( $number ); ?>" name="title" required maxlength="100">
			</p>
			<?php $this->render_marks( $number, $one['marks'] ); ?>
			<div class="relay-connector-found-fields">
				<?php
				foreach ( $one['fields'] as $i => $field ) {
					$this->render_field( $number, (int) $i, $field );
				}
				?>
			</div>
			<?php submit_button( __( 'Send these entries', 'relay-connector' ), 'primary', 'submit-' . (int) $number ); ?>
		</form>
		<?php
	}

	/**
	 * Prints one value: whether it is sent, its name and what it is.
	 *
	 * @param int   $number The number of the hook.
	 * @param int   $i      The number of the value.
	 * @param array $field  See Recorder.
	 */
	private function render_field( $number, $i, array $field ) {
		$id   = 'relay-connector-field-' . $number . '-' . $i;
		$name = 'fields[' . $i . ']';
		$kind = '' === (string) $field['kind'] ? Field_Types::kind( 'text', $field['name'] ) : (string) $field['kind'];
		?>
		<fieldset class="relay-connector-found-field">
			<legend>
				<label>
					<input type="checkbox" name="<?php echo esc_attr( $name ); ?>[send]" value="1" checked>
					<?php
					/* translators: %s: a value that the admin has entered. */
					echo esc_html( sprintf( __( '“%s”', 'relay-connector' ), $field['sample'] ) );
					?>
				</label>
			</legend>
			<span>
				<label for="<?php echo esc_attr( $id ); ?>"><?php esc_html_e( 'Name', 'relay-connector' ); ?></label>
				<input type="text" id="<?php echo esc_attr( $id ); ?>" name="<?php echo esc_attr( $name ); ?>[label]" value="<?php echo esc_attr( self::readable( $field['name'] ) ); ?>" maxlength="100">
			</span>
			<span>
				<label for="<?php echo esc_attr( $id ); ?>-kind"><?php esc_html_e( 'It is', 'relay-connector' ); ?></label>
				<select id="<?php echo esc_attr( $id ); ?>-kind" name="<?php echo esc_attr( $name ); ?>[kind]">
					<?php foreach ( self::kinds() as $value => $label ) : ?>
						<option value="<?php echo esc_attr( $value ); ?>" <?php selected( $kind, $value ); ?>><?php echo esc_html( $label ); ?></option>
					<?php endforeach; ?>
				</select>
			</span>
		</fieldset>
		<?php
	}

	/**
	 * Prints the choice between all forms and this one, if the hook passes a number that may be that of the form.
	 *
	 * @param int     $number The number of the hook.
	 * @param array[] $marks  See Recorder.
	 */
	private function render_marks( $number, array $marks ) {
		if ( ! $marks ) {
			return;
		}
		$likely = -1;
		foreach ( $marks as $i => $mark ) {
			if ( -1 === $likely && false !== stripos( (string) $mark['name'], 'form' ) ) {
				$likely = $i;
			}
		}
		?>
		<p>
			<label for="relay-connector-mark-<?php echo absint( $number ); ?>"><?php esc_html_e( 'Send entries', 'relay-connector' ); ?></label><br>
			<select id="relay-connector-mark-<?php echo absint( $number ); ?>" name="mark">
				<option value="-1"><?php esc_html_e( 'of every form with these fields', 'relay-connector' ); ?></option>
				<?php foreach ( $marks as $i => $mark ) : ?>
					<option value="<?php echo absint( $i ); ?>" <?php selected( $likely, $i ); ?>>
						<?php
						echo esc_html(
							'' === $mark['name']
								/* translators: %s: a value such as 12. */
								? sprintf( __( 'only with the number %s', 'relay-connector' ), $mark['value'] )
								/* translators: 1: name of a value, such as form_id, 2: the value. */
								: sprintf( __( 'only of the form with %1$s %2$s', 'relay-connector' ), $mark['name'], $mark['value'] )
						);
						?>
					</option>
				<?php endforeach; ?>
			</select>
		</p>
		<?php
	}

	/**
	 * Prints the added forms.
	 */
	private function render_forms() {
		$forms = Form_Sources::all();
		if ( ! $forms ) {
			return;
		}
		?>
		<h2><?php esc_html_e( 'Forms that you added', 'relay-connector' ); ?></h2>
		<?php
		foreach ( $forms as $id => $form ) {
			?>
			<div class="relay-connector-own-form">
				<p>
					<strong><?php echo esc_html( $form['title'] ); ?></strong><br>
					<?php echo esc_html( implode( ', ', wp_list_pluck( $form['fields'], 'label' ) ) ); ?><br>
					<span class="relay-connector-small"><?php echo esc_html( $form['hook'] ); ?></span>
				</p>
				<?php $this->render_button( self::REMOVE, __( 'Remove', 'relay-connector' ), '', (string) $id, $form['title'] ); ?>
			</div>
			<?php
		}
	}

	/**
	 * Prints the code for developers.
	 */
	private function render_snippet() {
		$code = "do_action(\n\t'" . Other_Forms::HOOK . "',\n\tarray(\n\t\t'Name'    => \$name,\n\t\t'E-mail'  => \$email,\n\t\t'Message' => \$message,\n\t),\n\tarray(\n\t\t'title' => 'Booking form',\n\t\t'types' => array( 'Message' => 'textarea' ),\n\t)\n);";
		?>
		<h2><?php esc_html_e( 'For developers', 'relay-connector' ); ?></h2>
		<p><?php esc_html_e( 'If you can change the code of the form, call this action where an entry has been accepted. It records the entry and returns at once. It does nothing while Relay Connector is inactive.', 'relay-connector' ); ?></p>
		<p>
			<label class="screen-reader-text" for="relay-connector-snippet"><?php esc_html_e( 'Code', 'relay-connector' ); ?></label>
			<textarea id="relay-connector-snippet" class="large-text code" rows="12" readonly onclick="this.select()"><?php echo esc_textarea( $code ); ?></textarea>
		</p>
		<p><button type="button" class="button" onclick="var t=document.getElementById('relay-connector-snippet');t.select();if(navigator.clipboard){navigator.clipboard.writeText(t.value)}else{document.execCommand('copy')}this.textContent=this.dataset.done" data-done="<?php esc_attr_e( 'Copied', 'relay-connector' ); ?>"><?php esc_html_e( 'Copy the code', 'relay-connector' ); ?></button></p>
		<?php
	}

	/**
	 * Prints a button.
	 *
	 * @param string $action The action.
	 * @param string $label  Its label.
	 * @param string $style  Either primary or ''.
	 * @param string $form   The form that it is for, or ''.
	 * @param string $about  What it is for, for screen readers.
	 */
	private function render_button( $action, $label, $style = '', $form = '', $about = '' ) {
		?>
		<form action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" method="post" class="relay-connector-inline">
			<input type="hidden" name="action" value="<?php echo esc_attr( $action ); ?>">
			<?php if ( '' !== $form ) : ?>
				<input type="hidden" name="form" value="<?php echo esc_attr( $form ); ?>">
			<?php endif; ?>
			<?php wp_nonce_field( $action, '_wpnonce', true ); ?>
			<button type="submit" class="button <?php echo esc_attr( 'primary' === $style ? 'button-primary' : '' ); ?>"><?php echo esc_html( $label ); ?><?php if ( '' !== $about ) : ?><span class="screen-reader-text"> <?php echo esc_html( $about ); ?></span><?php endif; ?></button>
		</form>
		<?php
	}

	/**
	 * The fields that an admin has chosen.
	 *
	 * @param array[] $found  What was found.
	 * @param array[] $chosen By number, each with send, label and kind.
	 * @return array[] Each with place, label and kind.
	 */
	private function chosen_fields( array $found, array $chosen ) {
		$fields = array();
		foreach ( $found as $i => $field ) {
			$label = isset( $chosen[ $i ]['label'] ) ? trim( (string) $chosen[ $i ]['label'] ) : '';
			$kind  = isset( $chosen[ $i ]['kind'] ) ? (string) $chosen[ $i ]['kind'] : (string) $field['kind'];
			if ( ! empty( $chosen[ $i ]['send'] ) && '' !== $label ) {
				$fields[] = array(
					'place' => $field['place'],
					'label' => $label,
					'kind'  => in_array( $kind, Form_Sources::KINDS, true ) ? $kind : Field_Types::TEXT,
				);
			}
		}
		return $fields;
	}

	/**
	 * What a value can be.
	 *
	 * @return string[] Labels by kind.
	 */
	private static function kinds() {
		$labels = array(
			Field_Types::TEXT       => __( 'a short text', 'relay-connector' ),
			Field_Types::TEXTAREA   => __( 'a long text', 'relay-connector' ),
			Field_Types::EMAIL      => __( 'an e-mail address', 'relay-connector' ),
			Field_Types::TEL        => __( 'a phone number', 'relay-connector' ),
			Field_Types::NAME       => __( 'a whole name', 'relay-connector' ),
			Field_Types::FIRST_NAME => __( 'a first name', 'relay-connector' ),
			Field_Types::LAST_NAME  => __( 'a last name', 'relay-connector' ),
			Field_Types::COMPANY    => __( 'a company', 'relay-connector' ),
			Field_Types::CHOICE     => __( 'one of several choices', 'relay-connector' ),
			Field_Types::CHOICES    => __( 'several choices', 'relay-connector' ),
			Field_Types::NUMBER     => __( 'a number', 'relay-connector' ),
			Field_Types::DATE       => __( 'a date', 'relay-connector' ),
			Field_Types::CONSENT    => __( 'a consent', 'relay-connector' ),
			Field_Types::URL        => __( 'a web address', 'relay-connector' ),
		);
		return array_intersect_key( $labels, array_flip( Form_Sources::KINDS ) );
	}

	/**
	 * The name of a field as a person writes it: "Your email" for "your-email". A label stays as it is.
	 *
	 * @param string $name The name.
	 * @return string
	 */
	private static function readable( $name ) {
		if ( 1 !== preg_match( '/^[a-z0-9_.\[\]-]+$/', (string) $name ) ) {
			return (string) $name;
		}
		$words = trim( (string) preg_replace( '/[^\p{L}\p{N}]+/u', ' ', (string) $name ) );
		return mb_strtoupper( mb_substr( $words, 0, 1, 'UTF-8' ), 'UTF-8' ) . mb_substr( $words, 1, 99, 'UTF-8' );
	}

	/**
	 * Ends the request if the user lacks the capability.
	 */
	private function require_capability() {
		if ( ! current_user_can( Settings_Page::capability() ) ) {
			wp_die( esc_html__( 'You are not allowed to do this. Ask an administrator of this site.', 'relay-connector' ), 403 );
		}
	}

	/**
	 * Stores the result of a button.
	 *
	 * @param bool   $passed Whether it succeeded.
	 * @param string $title  A short title.
	 * @param string $text   The explanation.
	 */
	private function store_result( $passed, $title, $text ) {
		Action_Result::store( compact( 'passed', 'title', 'text' ) );
	}

	/**
	 * Redirects to this page.
	 */
	private function redirect() {
		wp_safe_redirect( self::url() );
		exit;
	}
}
